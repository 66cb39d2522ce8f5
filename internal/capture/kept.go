package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// A message that is kept in the spool until its block is sealed has this form: the length of its head, the length of
// its payload, the head, the payload. Numbers are varints. In the head, a text has its length in front.

// keptWriter writes messages in this form. Its slices are used again for each message.
type keptWriter struct{ lengths, head []byte }

// write writes a message to the buffer of a block. The only error of a buffer is that the spool cannot be written.
func (k *keptWriter) write(out io.Writer, m *reader.Message) error {
	k.head = appendHead(k.head[:0], m)
	k.lengths = binary.AppendUvarint(k.lengths[:0], uint64(len(k.head)))
	k.lengths = binary.AppendUvarint(k.lengths, uint64(len(m.Msg.Data)))
	for _, part := range [...][]byte{k.lengths, k.head, m.Msg.Data} {
		if _, err := out.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// appendHead appends everything of a message except its payload.
func appendHead(dst []byte, m *reader.Message) []byte {
	dst = binary.AppendUvarint(dst, m.Seq)
	dst = binary.AppendVarint(dst, m.Time)
	dst = appendText(dst, m.Msg.Subject)
	dst = appendText(dst, m.Msg.Reply)
	dst = appendText(dst, m.Block)
	dst = binary.AppendUvarint(dst, uint64(len(m.Msg.Header)))
	for name, values := range m.Msg.Header {
		dst = appendText(dst, name)
		dst = binary.AppendUvarint(dst, uint64(len(values)))
		for _, v := range values {
			dst = appendText(dst, v)
		}
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// keptReader reads what keptWriter has written.
type keptReader struct{ in *bufio.Reader }

// next returns the next message, or io.EOF after the last one. The message is allocated with its parts and may be kept.
func (k keptReader) next() (*reader.Message, error) {
	head, err := binary.ReadUvarint(k.in)
	if err != nil {
		return nil, err // io.EOF between two messages
	}
	payload, err := binary.ReadUvarint(k.in)
	if err != nil {
		return nil, fmt.Errorf("read a message back from the spool: %w", noEOF(err))
	}
	raw := make([]byte, head+payload)
	if _, err := io.ReadFull(k.in, raw); err != nil {
		return nil, fmt.Errorf("read a message back from the spool: %w", noEOF(err))
	}
	both := &struct {
		reader.Message
		msg nats.Msg
	}{}
	both.Msg, both.msg = &both.msg, nats.Msg{Sub: unboundSub, Data: raw[head:]}
	h := keptHead{raw: raw[:head], text: string(raw[:head])}
	h.read(&both.Message)
	if h.broken {
		return nil, fmt.Errorf("read message %d back from the spool: %w", both.Seq, io.ErrUnexpectedEOF)
	}
	return &both.Message, nil
}

// keptHead is a head that is being read. Nothing is read after it has turned out to be broken.
type keptHead struct {
	raw    []byte
	text   string // copy of raw, of which all strings are parts
	at     int    // offset of what is read next
	broken bool   // the head ended too early
}

// read sets everything of m except its payload.
func (h *keptHead) read(m *reader.Message) {
	m.Seq = h.number()
	stamp, n := binary.Varint(h.raw[h.at:])
	h.skip(n)
	m.Time = stamp
	m.Msg.Subject = h.string()
	m.Msg.Reply = h.string()
	m.Block = h.string()
	for names := h.number(); names > 0 && !h.broken; names-- {
		if m.Msg.Header == nil {
			m.Msg.Header = nats.Header{}
		}
		name := h.string()
		for values := h.number(); values > 0 && !h.broken; values-- {
			m.Msg.Header[name] = append(m.Msg.Header[name], h.string())
		}
	}
}

// skip moves on by n bytes. If there are not so many, or n is not positive as after a broken varint, the head is
// broken.
func (h *keptHead) skip(n int) {
	if n <= 0 || n > len(h.raw)-h.at {
		h.broken, n = true, len(h.raw)-h.at
	}
	h.at += n
}

func (h *keptHead) number() uint64 {
	v, n := binary.Uvarint(h.raw[h.at:])
	h.skip(n)
	return v
}

func (h *keptHead) string() string {
	n := h.number()
	if n == 0 || h.broken {
		return ""
	}
	start := h.at
	h.skip(int(min(n, uint64(len(h.raw)+1))))
	return h.text[start:h.at]
}

// noEOF returns the error of a read that must not meet the end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unboundSub lets nats.Msg.Metadata work on a message that did not come from a subscription. It is never changed.
var unboundSub = &nats.Subscription{}
