package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/nats-io/nats.go"
)

// messagePrinter prints messages in one format.
type messagePrinter struct {
	out    io.Writer
	append func(dst []byte, i *archive.Item) ([]byte, error)
	buf    []byte
}

// newMessagePrinter prints to out. It prints what comes before the first message.
func newMessagePrinter(f catFormat, out io.Writer) (*messagePrinter, error) {
	p := &messagePrinter{out: out}
	var head string
	switch f {
	case catPayload:
		p.append = func(dst []byte, i *archive.Item) ([]byte, error) { return append(append(dst, i.Data...), '\n'), nil }
	case catRaw:
		head = jetcapture.RawMagic
		p.append = func(dst []byte, i *archive.Item) ([]byte, error) { return natsMessage(i).AppendRaw(dst) }
	case catCSV:
		head = "sequence,time,subject,payload\n"
		p.append = appendCSV
	default:
		p.append = func(dst []byte, i *archive.Item) ([]byte, error) {
			dst, err := natsMessage(i).AppendJSON(dst)
			return append(dst, '\n'), err
		}
	}
	_, err := io.WriteString(out, head)
	return p, err
}

// print prints one message.
func (p *messagePrinter) print(i *archive.Item) (err error) {
	if p.buf, err = p.append(p.buf[:0], i); err != nil {
		return fmt.Errorf("stream sequence %d: %w", i.Seq, err)
	}
	_, err = p.out.Write(p.buf)
	return err
}

// natsMessage is a message as the files of jetcapture hold it.
func natsMessage(i *archive.Item) *jetcapture.NatsMessage {
	m := &jetcapture.NatsMessage{
		Subject: i.Subject, Header: i.Header, HeaderRaw: i.HeaderRaw, Data: i.Data,
		Metadata: &nats.MsgMetadata{Sequence: nats.SequencePair{Stream: i.Seq}, Timestamp: i.Time},
	}
	if !utf8.ValidString(i.Subject) {
		m.SubjectRaw = []byte(i.Subject)
	}
	return m
}

// appendCSV appends a record of RFC 4180.
func appendCSV(dst []byte, i *archive.Item) ([]byte, error) {
	b := &appender{dst}
	w := csv.NewWriter(b)
	err := w.Write([]string{
		strconv.FormatUint(i.Seq, 10), i.Time.UTC().Format(time.RFC3339Nano), i.Subject, string(i.Data),
	})
	w.Flush()
	return b.bytes, err
}

// appender is a writer that appends.
type appender struct{ bytes []byte }

// Write implements io.Writer.
func (a *appender) Write(p []byte) (int, error) {
	a.bytes = append(a.bytes, p...)
	return len(p), nil
}
