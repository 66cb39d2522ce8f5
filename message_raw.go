package jetcapture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/jetcapture/jetcapture/internal/wire"
)

// RawMagic is the beginning of a file of RawWriter. Its last three bytes are the version. docs/FORMAT.md specifies the
// records that follow.
const RawMagic = "JCRAW001"

// rawFixed is the number of bytes of a record between its length and the subject.
const rawFixed = 8 + 8 + 4 + 4

// AppendRaw appends the message as a record of a raw file. Nothing is lost except the order of the header's names and
// the blanks before their values, which a delivered message does not have any more. It fails if there is no metadata or
// the record is larger than 4 GiB, and then appends nothing.
func (m *NatsMessage) AppendRaw(dst []byte) ([]byte, error) {
	if m.Metadata == nil {
		return dst, errors.New("the message has no metadata")
	}
	header, subject := m.HeaderRaw, m.Subject
	if len(header) == 0 {
		header = wire.HeaderBlock(m.Header)
	}
	size := rawFixed + len(subject) + len(header) + len(m.Data)
	if size > math.MaxUint32 {
		return dst, fmt.Errorf("a record of %d bytes is larger than the format allows", size)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	dst = binary.BigEndian.AppendUint64(dst, m.Metadata.Sequence.Stream)
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.Metadata.Timestamp.UnixNano()))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(subject)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(header)))
	dst = append(dst, subject...)
	dst = append(dst, header...)
	return append(dst, m.Data...), nil
}

// RawWriter writes messages as they are, each with its length in front, for programs that publish them again. The usual
// suffix is "raw". The zero value is ready for InitNew. It holds no buffer between calls, so very many blocks can be
// open.
type RawWriter struct {
	out io.Writer
}

// InitNew implements FormattedDataWriter. It writes RawMagic.
func (w *RawWriter) InitNew(out io.Writer) error {
	w.out = out
	_, err := io.WriteString(out, RawMagic)
	return err
}

// Write implements FormattedDataWriter. It writes one record.
func (w *RawWriter) Write(m *NatsMessage) (int, error) {
	b := lineBuffers.Get().(*bytes.Buffer)
	defer putLineBuffer(b)
	record, err := m.AppendRaw(b.AvailableBuffer())
	if err != nil {
		return 0, err
	}
	b.Write(record)
	if _, err := w.out.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return 1, nil
}

// Flush implements FormattedDataWriter. There is nothing to flush.
func (w *RawWriter) Flush() error { return nil }
