package restore

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/klauspost/compress/s2"
	natsarc "github.com/nats-io/nats-server/v2/server/archive"
)

// state is what the server needs to know of a stream before its messages: state.json of a NATSARC1 archive. The server
// pads the stream up to LastSeq, and does not compare the count.
type state struct {
	Msgs      uint64    `json:"messages"`
	Bytes     uint64    `json:"bytes"`
	FirstSeq  uint64    `json:"first_seq"`
	FirstTime time.Time `json:"first_ts"`
	LastSeq   uint64    `json:"last_seq"`
	LastTime  time.Time `json:"last_ts"`
	Consumers int       `json:"consumer_count"`
}

// writer writes a NATSARC1 archive.
type writer struct {
	packed  *s2.Writer
	entries *natsarc.Writer
}

// newWriter writes to out, without goroutines of its own.
func newWriter(out io.Writer) *writer {
	packed := s2.NewWriter(out, s2.WriterConcurrency(1), s2.WriterBlockSize(64<<10))
	return &writer{packed, natsarc.NewWriter(packed)}
}

// begin writes the state. The messages follow, their sequences ascend.
func (w *writer) begin(s state) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the state of the stream: %w", err)
	}
	return w.entry(&natsarc.Header{Name: "state.json", Timestamp: time.Now().UnixNano(), PayloadSize: int64(len(data))},
		nil, data)
}

// message writes one message.
func (w *writer) message(m *archive.Message) error {
	header := m.HeaderBlock()
	return w.entry(&natsarc.Header{
		Name: m.Subject, Timestamp: m.Time.UnixNano(), Sequence: m.Seq,
		HeaderSize: int64(len(header)), PayloadSize: int64(len(m.Data)),
	}, header, m.Data)
}

func (w *writer) entry(h *natsarc.Header, header, data []byte) error {
	if err := w.entries.WriteHeader(h); err != nil {
		return fmt.Errorf("encode stream sequence %d: %w", h.Sequence, err)
	}
	for _, part := range [][]byte{header, data} {
		if _, err := w.entries.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// flush makes whole blocks of what was written.
func (w *writer) flush() error { return w.packed.Flush() }

// end writes the mark without which the server takes the archive for cut off.
func (w *writer) end() error {
	if err := w.entry(&natsarc.Header{}, nil, nil); err != nil {
		return err
	}
	if err := w.entries.Close(); err != nil {
		return err
	}
	return w.packed.Close()
}
