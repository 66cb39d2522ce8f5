package jetcapture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// appendKept appends a message as it is kept in the spool until its block is sealed: numbers as varints, texts with their length in front.
func appendKept(dst []byte, m *reader.Message) []byte {
	dst = binary.AppendUvarint(dst, m.Seq)
	dst = binary.AppendVarint(dst, m.Time)
	dst = appendText(dst, m.Msg.Subject)
	dst = appendText(dst, m.Msg.Reply)
	dst = binary.AppendUvarint(dst, uint64(len(m.Msg.Header)))
	for name, values := range m.Msg.Header {
		dst = appendText(dst, name)
		dst = binary.AppendUvarint(dst, uint64(len(values)))
		for _, v := range values {
			dst = appendText(dst, v)
		}
	}
	return appendText(dst, string(m.Msg.Data))
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// keptReader reads what appendKept wrote.
type keptReader struct {
	in  *bufio.Reader
	err error
}

// next returns the next message; io.EOF after the last one.
func (k *keptReader) next() (*reader.Message, error) {
	seq, err := binary.ReadUvarint(k.in)
	if err != nil {
		return nil, err // io.EOF between two messages
	}
	m := &reader.Message{Seq: seq, Msg: &nats.Msg{Sub: unboundSub}}
	if m.Time, err = binary.ReadVarint(k.in); err != nil {
		k.err = err
	}
	m.Msg.Subject = string(k.text())
	m.Msg.Reply = string(k.text())
	for n := k.number(); n > 0 && k.err == nil; n-- {
		if m.Msg.Header == nil {
			m.Msg.Header = nats.Header{}
		}
		name := string(k.text())
		for v := k.number(); v > 0 && k.err == nil; v-- {
			m.Msg.Header[name] = append(m.Msg.Header[name], string(k.text()))
		}
	}
	m.Msg.Data = k.text()
	if k.err != nil {
		return nil, fmt.Errorf("read message %d back from the spool: %w", seq, noEOF(k.err))
	}
	return m, nil
}

func (k *keptReader) number() uint64 {
	if k.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(k.in)
	k.err = err
	return n
}

func (k *keptReader) text() []byte {
	n := k.number()
	if k.err != nil {
		return nil
	}
	b := make([]byte, n)
	_, k.err = io.ReadFull(k.in, b)
	return b
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unboundSub makes nats.Msg.Metadata work on a message that did not just come from a subscription.
var unboundSub = &nats.Subscription{}
