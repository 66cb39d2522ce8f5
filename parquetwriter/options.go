package parquetwriter

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/gzip"
)

// Default limits of a row group. A writer holds the pages of a row group, compressed, until the group ends. 122,880
// rows are what DuckDB writes, and what one of its threads reads (https://duckdb.org/docs/stable/data/parquet/tips).
const (
	DefaultRowGroupRows  = 122_880
	DefaultRowGroupBytes = 64 << 20
)

// Options say how the files of a writer are made. The zero value has useful defaults.
type Options struct {
	// Compression of the pages: "zstd" (the default), "snappy", "gzip" or "none".
	Compression string
	// Level of the compression in the codec's own numbers: zstd 1 to 22, gzip 1 to 9; snappy and none have no levels. 0
	// means 1: on JSON higher levels cost much time and save little space.
	Level int
	// RowGroupRows is the number of rows at which a row group ends; 0 means DefaultRowGroupRows.
	RowGroupRows int64
	// RowGroupBytes is the size in bytes, before encoding, at which a row group ends; 0 means DefaultRowGroupBytes.
	RowGroupBytes int64
	// OmitTimeNS leaves out the column time_ns of messages, so that files are those of the writers before it. Only a
	// MessageWriter has that column.
	OmitTimeNS bool
	// OmitFieldIDs leaves out the field ids of columns, see FieldID, so that files are those of the writers before them. A
	// Writer of structs has those of its tags.
	OmitFieldIDs bool
	// Metadata is added to the key/value metadata of each file. The keys that the writers set (see the Meta constants) are
	// refused.
	Metadata map[string]string
	// BloomFilters names more columns, by their path with dots, that get a Bloom filter of 10 bits for each distinct
	// value. A MessageWriter has one on subject. Columns that grow with the rows, such as sequence and time, are better
	// searched by their statistics.
	BloomFilters []string
}

// Keys of the metadata that the writers set in each file.
const (
	MetaWriter = "jetcapture.writer"         // the name and version of the layout
	MetaSchema = "jetcapture.schema"         // the fingerprint of the schema: 16 hex digits
	MetaStream = "jetcapture.stream"         // the stream, of messages and tables; empty when unknown
	MetaFirst  = "jetcapture.first_sequence" // the first stream sequence in the file; empty when unknown
	MetaLast   = "jetcapture.last_sequence"  // the last stream sequence in the file; empty when unknown
)

// OptionError is the error of an option that makes no sense.
type OptionError struct {
	Field  string // of Options
	Reason string
}

func (e *OptionError) Error() string { return "parquet: " + e.Reason }

func optionErrorf(field, format string, args ...any) error {
	return &OptionError{field, fmt.Sprintf(format, args...)}
}

// validate returns o with its defaults filled in.
func (o Options) validate() (Options, error) {
	if o.RowGroupRows < 0 {
		return o, optionErrorf("RowGroupRows", "row groups of %d rows: a limit must not be negative", o.RowGroupRows)
	}
	if o.RowGroupBytes < 0 {
		return o, optionErrorf("RowGroupBytes", "row groups of %d bytes: a limit must not be negative", o.RowGroupBytes)
	}
	if o.RowGroupRows == 0 {
		o.RowGroupRows = DefaultRowGroupRows
	}
	if o.RowGroupBytes == 0 {
		o.RowGroupBytes = DefaultRowGroupBytes
	}
	for key, value := range o.Metadata {
		if slices.Contains([]string{MetaWriter, MetaSchema, MetaStream, MetaFirst, MetaLast}, key) {
			return o, optionErrorf("Metadata", "metadata key %q is the writer's own", key)
		}
		if key == "" || !utf8.ValidString(key) || !utf8.ValidString(value) {
			return o, optionErrorf("Metadata",
				"metadata %q=%q: the key must not be empty, and both must be valid UTF-8", key, value)
		}
	}
	o.Metadata = maps.Clone(o.Metadata)
	return o, nil
}

// codec returns the codec of the pages. It has its own pool of compressors, which the writers of one layout share.
func (o Options) codec() (compress.Codec, error) {
	switch strings.ToLower(o.Compression) {
	case "", "zstd":
		if o.Level < 0 || o.Level > 22 {
			return nil, optionErrorf("Level", "level %d of zstd: it takes 1 to 22", o.Level)
		}
		return newZstd(o.Level)
	case "gzip":
		if o.Level < 0 || o.Level > gzip.BestCompression {
			return nil, optionErrorf("Level", "level %d of gzip: it takes 1 to 9", o.Level)
		}
		return &gzip.Codec{Level: max(1, o.Level)}, nil
	case "snappy", "none":
		if o.Level != 0 {
			return nil, optionErrorf("Level", "level %d of %s, which has no levels", o.Level, o.Compression)
		}
		if strings.EqualFold(o.Compression, "none") {
			return &parquet.Uncompressed, nil
		}
		return &parquet.Snappy, nil
	}
	return nil, optionErrorf("Compression", "unknown compression %q: take zstd, snappy, gzip or none", o.Compression)
}
