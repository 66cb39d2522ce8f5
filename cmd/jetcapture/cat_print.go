package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
)

// messagePrinter prints messages in one format.
type messagePrinter struct {
	out     *bufio.Writer
	format  catFormat
	buf     []byte                 // of the last message
	message jetcapture.NatsMessage // that is printed
	empty   map[string][]string    // a header without fields
	csv     *csv.Writer            // writes to out, which is its buffer
	fields  []string
}

// newMessagePrinter prints to out. It prints what comes before the first message.
func newMessagePrinter(f catFormat, out *bufio.Writer) (*messagePrinter, error) {
	p := &messagePrinter{out: out, format: f, empty: map[string][]string{}, csv: csv.NewWriter(out)}
	p.message.Metadata = &nats.MsgMetadata{}
	var head string
	switch f {
	case catRaw:
		head = jetcapture.RawMagic
	case catCSV:
		head = "sequence,time,subject,payload\n"
	}
	_, err := out.WriteString(head)
	return p, err
}

// print prints one message.
func (p *messagePrinter) print(i *archive.Item) (err error) {
	switch p.format {
	case catPayload:
		_, _ = p.out.Write(i.Data) // WriteByte returns its error
		return p.out.WriteByte('\n')
	case catRaw:
		p.buf, err = p.natsMessage(i).AppendRaw(p.buf[:0])
	case catCSV:
		return p.printCSV(i)
	default:
		p.buf, err = p.natsMessage(i).AppendJSON(p.buf[:0])
		p.buf = append(p.buf, '\n')
	}
	if err != nil {
		return fmt.Errorf("stream sequence %d: %w", i.Seq, err)
	}
	_, err = p.out.Write(p.buf)
	return err
}

// natsMessage is a message as the files of jetcapture hold it, valid until the next call.
func (p *messagePrinter) natsMessage(i *archive.Item) *jetcapture.NatsMessage {
	m := &p.message
	m.Subject, m.Header, m.HeaderRaw, m.Data = i.Subject, i.Header, i.HeaderRaw, i.Data
	if m.Header == nil {
		m.Header = p.empty
	}
	if m.HeaderRaw == nil && !wire.ValidHeader(m.Header) { // not every format needs it for such a header
		m.HeaderRaw = wire.HeaderBlock(m.Header)
	}
	if m.Data == nil {
		m.Data = []byte{}
	}
	if m.SubjectRaw = nil; !utf8.ValidString(i.Subject) {
		m.SubjectRaw = []byte(i.Subject)
	}
	m.Metadata.Sequence.Stream, m.Metadata.Timestamp = i.Seq, i.Time
	return m
}

// printCSV prints a record of RFC 4180.
func (p *messagePrinter) printCSV(i *archive.Item) error {
	p.fields = append(p.fields[:0],
		strconv.FormatUint(i.Seq, 10), i.Time.UTC().Format(time.RFC3339Nano), i.Subject, string(i.Data))
	return p.csv.Write(p.fields)
}
