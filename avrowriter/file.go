package avrowriter

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
)

// Versions of layouts increase with every change of the bytes that are written for the same messages. messagesVersion
// is that of messages with the field time_ns.
const (
	layoutVersion   = "avrowriter/1"
	messagesVersion = "avrowriter/2"
)

var errNotStarted = errors.New("avro: InitNew must come first")

// Message is a stored message. A writer keeps no reference to it after Write.
type Message struct {
	Stream  string
	Seq     uint64 // the stream sequence
	Time    time.Time
	Subject string
	Header  map[string][]string
	// HeaderRaw is the header block if Header does not hold all of it, otherwise nil.
	HeaderRaw []byte
	Payload   []byte
}

func (m *Message) check() error {
	if m.Seq > math.MaxInt64 {
		return fmt.Errorf("avro: stream sequence %d does not fit in a long", m.Seq)
	}
	const seconds = math.MaxInt64 / 1_000_000
	if s := m.Time.Unix(); s >= seconds || s <= -seconds {
		return fmt.Errorf("avro: time %s of sequence %d does not fit in microseconds in a long", m.Time, m.Seq)
	}
	return nil
}

// layout is what all files of a writer have in common. The writers that New returns share it, in any goroutines. It
// does not change.
type layout struct {
	schema     *avro.Schema
	codec      ocf.Codec // nil: none
	blockBytes int
	metadata   [][2]string // sorted
	seed       []byte      // hashed into the sync markers
}

func newLayout(version, schema string, o Options) (*layout, error) {
	o, err := o.validate()
	if err != nil {
		return nil, err
	}
	codec, err := o.codec()
	if err != nil {
		return nil, err
	}
	parsed, err := avro.Parse(schema)
	if err != nil {
		return nil, fmt.Errorf("avro: schema: %w", err)
	}
	l := &layout{
		schema: parsed, codec: codec, blockBytes: o.BlockBytes, metadata: [][2]string{{MetaWriter, version}},
	}
	for _, key := range slices.Sorted(maps.Keys(o.Metadata)) {
		l.metadata = append(l.metadata, [2]string{key, o.Metadata[key]})
	}
	l.seed = fmt.Appendf(nil, "%s\n%s\n%d\n%q\n", schema, o.Compression, o.Level, l.metadata)
	return l, nil
}

// file writes files, one after the other. It belongs to one goroutine.
type file struct {
	*layout
	out  io.Writer
	ocf  *ocf.Writer // nil until the first row or the end: the header depends on the first message
	err  error       // of out: the file is lost
	row  []byte      // reused from row to row
	head wire.Header // reused from row to row
}

func (f *file) start(out io.Writer) {
	f.out, f.ocf, f.err = out, nil, nil
}

// begin writes the header of a file whose first message is m, or nil if the file has no messages.
func (f *file) begin(m *Message, row []byte) error {
	metadata := f.metadata
	if m != nil {
		stream, _ := wire.Text(m.Stream)
		metadata = append(slices.Clip(metadata), [2]string{MetaStream, stream},
			[2]string{MetaFirst, strconv.FormatUint(m.Seq, 10)})
	}
	options := []ocf.WriterOpt{ocf.WithBlockBytes(f.blockBytes), ocf.WithSyncMarker(f.marker(row))}
	if f.codec != nil {
		options = append(options, ocf.WithCodec(f.codec))
	}
	for _, kv := range metadata {
		// One by one, because a map would be written in the order of Go's.
		options = append(options, ocf.WithMetadata(map[string][]byte{kv[0]: []byte(kv[1])}))
	}
	f.ocf, f.err = ocf.NewWriter(f.out, f.schema, options...)
	if f.err != nil {
		f.err = fmt.Errorf("avro: begin the file: %w", f.err)
	}
	return f.err
}

// marker returns the sync marker. It depends on the first row, so that a file of this layout which is itself a payload
// has another one.
func (f *file) marker(row []byte) (marker [16]byte) {
	hash := sha256.New()
	hash.Write(f.seed)
	hash.Write(row)
	copy(marker[:], hash.Sum(nil))
	return marker
}

// maxKeptRow is the largest row buffer that is kept, so that one huge message does not hold its memory until the file
// ends.
const maxKeptRow = 1 << 20

// held returns about how many bytes a file holds at most between two rows: a block that fills up, its compressed form,
// and a row.
func (f *file) held() int64 { return 3*int64(f.blockBytes) + maxKeptRow }

// write appends a row.
func (f *file) write(m *Message, row []byte) error {
	if f.row = row[:0]; cap(row) > maxKeptRow {
		f.row = nil
	}
	if f.err != nil {
		return f.err
	}
	if f.ocf == nil {
		if err := f.begin(m, row); err != nil {
			return err
		}
	}
	if _, err := f.ocf.Write(row); err != nil {
		f.err = fmt.Errorf("avro: write a block: %w", err)
	}
	return f.err
}

// finish writes what is left.
func (f *file) finish() error {
	defer func() { f.ocf, f.out = nil, nil }()
	if f.err == nil && f.ocf == nil {
		f.err = f.begin(nil, nil)
	}
	if f.err != nil {
		return f.err
	}
	if err := f.ocf.Close(); err != nil {
		return fmt.Errorf("avro: end the file: %w", err)
	}
	return nil
}
