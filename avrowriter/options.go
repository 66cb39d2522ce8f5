package avrowriter

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/avro/ocf"
)

// DefaultBlockBytes is the size at which a block of rows ends, before compression. A reader holds one block.
const DefaultBlockBytes = 256 << 10

const (
	zstdWindow = 1 << 20
	zstdJobs   = 8
)

// Options say how the files of a writer are made. The zero value has useful defaults.
type Options struct {
	// Compression of the blocks: "deflate" (the default, which every implementation of Avro must have), "snappy", "zstd"
	// or "none".
	Compression string
	// Level of the compression in the codec's own numbers: deflate 1 to 9, zstd 1 to 22; snappy and none have no levels. 0
	// means 1: on JSON higher levels cost much time and save little space.
	Level int
	// BlockBytes is the size in bytes, before compression, at which a block of rows ends; 0 means DefaultBlockBytes.
	BlockBytes int
	// OmitTimeNS leaves out the field time_ns of messages, so that files are those of the writers before it. Only a
	// MessageWriter has that field.
	OmitTimeNS bool
	// Metadata is added to the header of each file. Keys that begin with "avro." and the Meta keys are refused.
	Metadata map[string]string
}

// Keys of the metadata that the writers set in each file. The header is at the beginning of the file, so it cannot have
// the last sequence.
const (
	MetaWriter = "jetcapture.writer"         // the name and version of the layout
	MetaStream = "jetcapture.stream"         // the stream of the first message; absent in a file without messages
	MetaFirst  = "jetcapture.first_sequence" // stream sequence of the first message; absent in a file without messages
)

// OptionError is the error of an option that makes no sense.
type OptionError struct {
	Field  string // of Options
	Reason string
}

func (e *OptionError) Error() string { return "avro: " + e.Reason }

func optionErrorf(field, format string, args ...any) error {
	return &OptionError{field, fmt.Sprintf(format, args...)}
}

// validate returns o with its defaults filled in.
func (o Options) validate() (Options, error) {
	if o.BlockBytes < 0 {
		return o, optionErrorf("BlockBytes", "blocks of %d bytes: the limit must not be negative", o.BlockBytes)
	}
	if o.BlockBytes == 0 {
		o.BlockBytes = DefaultBlockBytes
	}
	for key, value := range o.Metadata {
		if strings.HasPrefix(key, "avro.") || slices.Contains([]string{MetaWriter, MetaStream, MetaFirst}, key) {
			return o, optionErrorf("Metadata", "metadata key %q is reserved", key)
		}
		if key == "" || !utf8.ValidString(key) || !utf8.ValidString(value) {
			return o, optionErrorf("Metadata",
				"metadata %q=%q: the key must not be empty, and both must be valid UTF-8", key, value)
		}
	}
	o.Metadata = maps.Clone(o.Metadata)
	return o, nil
}

// codec returns the codec of the blocks, which any number of files can share. It is nil for no compression.
func (o Options) codec() (ocf.Codec, error) {
	switch strings.ToLower(o.Compression) {
	case "", "deflate":
		if o.Level < 0 || o.Level > 9 {
			return nil, optionErrorf("Level", "level %d of deflate: it takes 1 to 9", o.Level)
		}
		return newDeflate(max(1, o.Level)), nil
	case "zstd":
		if o.Level < 0 || o.Level > 22 {
			return nil, optionErrorf("Level", "level %d of zstd: it takes 1 to 22", o.Level)
		}
		// The concurrency is that of files. One goroutine makes one frame of a block, so the bytes are always the same. With
		// a window of the default size a compressor would hold 16 MiB.
		codec, err := ocf.ZstdCodec([]zstd.EOption{
			zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(max(1, o.Level))),
			zstd.WithEncoderConcurrency(min(runtime.GOMAXPROCS(0), zstdJobs)),
			zstd.WithWindowSize(zstdWindow),
		}, nil)
		if err != nil {
			return nil, fmt.Errorf("avro: %w", err)
		}
		return ocf.NopCloser(codec), nil
	case "snappy", "none":
		if o.Level != 0 {
			return nil, optionErrorf("Level", "level %d of %s, which has no levels", o.Level, o.Compression)
		}
		if strings.EqualFold(o.Compression, "none") {
			return nil, nil
		}
		return ocf.SnappyCodec(), nil
	}
	return nil, optionErrorf("Compression", "unknown compression %q: take deflate, snappy, zstd or none", o.Compression)
}
