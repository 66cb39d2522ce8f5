package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/nats-io/nats.go"
)

var (
	errEmptyPayload = errors.New("the payload is empty: there is no line to write (--record message would keep the message)")
	errNotJSON      = errors.New("the payload is not JSON")
	errLineBreaks   = errors.New("the payload has line breaks and is not JSON: it cannot be made one line (--record message would keep the message)")
)

// decoder makes key and row of messages. It is used by several goroutines.
type decoder struct {
	form     form
	text     func(*workspace) ([]byte, error) // nil: rows are made when the block is sealed
	metadata bool                             // a source needs the stream sequence or the time
	spaces   sync.Pool                        // of *workspace
}

// workspace is what the decoding of one message needs, kept for the next one.
type workspace struct {
	msg     *nats.Msg
	message source.Message // msg as sources see it
	notJSON bool           // a source has found that the payload is not JSON
	origins reader.OriginParser
	key     keyMaker
	line    []byte // of CSV
	rescued column.Rescued
}

func newDecoder(f form) *decoder {
	d := &decoder{form: f}
	for _, k := range f.keys {
		d.metadata = d.metadata || ofMetadata(k.Source)
	}
	for _, c := range f.columns {
		d.metadata = d.metadata || ofMetadata(c.Source)
	}
	switch {
	case f.format.packed():
	case f.format == formatCSV:
		d.text = d.csvRow
	case f.format == formatRaw:
		d.text = rawRow
	case f.record == recordPayload:
		d.text = payloadRow
	case f.record == recordEvent:
		d.text = eventRow
	default:
		d.text = messageRow
	}
	d.spaces.New = func() any { return &workspace{} }
	return d
}

func ofMetadata(s source.Source) bool { return s.String() == "seq" || s.String() == "time" }

// decode is the MessageDecoder.
func (d *decoder) decode(msg *nats.Msg) (row, key, error) {
	w := d.spaces.Get().(*workspace)
	r, k, err := d.decodeIn(w, msg)
	w.msg, w.message = nil, source.Message{} // do not hold the message
	d.spaces.Put(w)
	return r, k, err
}

func (d *decoder) decodeIn(w *workspace, msg *nats.Msg) (row, key, error) {
	w.msg, w.notJSON = msg, false
	w.message = source.Message{Subject: msg.Subject, Header: msg.Header, Data: msg.Data}
	if d.metadata {
		origin, err := w.origins.Parse(msg)
		if err != nil {
			return row{}, "", err
		}
		w.message.Seq, w.message.Time = origin.Seq, origin.Time
	}
	k, err := d.makeKey(w)
	if err != nil {
		return row{}, "", err
	}
	if d.text == nil {
		return row{msg: msg}, k, nil
	}
	text, err := d.text(w)
	return row{text: text}, k, err
}

// makeKey evaluates the keys.
func (d *decoder) makeKey(w *workspace) (key, error) {
	w.key.begin()
	for _, s := range d.form.keys {
		v := s.Source.Eval(&w.message)
		w.notJSON = w.notJSON || v.Kind == source.NotJSON
		if err := w.key.add(s.Name, v); err != nil {
			return "", fmt.Errorf("key %s: %w", s, err)
		}
	}
	return w.key.end(), nil
}

// envelope is how many bytes the JSON of a message has beside its subject and payload, about.
const envelope = 384

// messageOf is the whole message.
func messageOf(w *workspace) (*jetcapture.NatsMessage, error) {
	m, _, err := jetcapture.NatsToNats(func(*nats.Msg) struct{} { return struct{}{} })(w.msg)
	return m, err
}

// messageRow is the whole message as JSON.
func messageRow(w *workspace) ([]byte, error) {
	m, err := messageOf(w)
	if err != nil {
		return nil, err
	}
	return m.AppendJSON(make([]byte, 0, envelope+len(m.Subject)+(len(m.Data)+2)/3*4))
}

// eventRow is the whole message as an event of CloudEvents.
func eventRow(w *workspace) ([]byte, error) {
	m, err := messageOf(w)
	if err != nil {
		return nil, err
	}
	return jetcapture.CloudEvent{NatsMessage: m}.AppendJSON(make([]byte, 0, envelope+len(m.Subject)+len(m.Data)))
}

// rawRow is the whole message as a record of a raw file.
func rawRow(w *workspace) ([]byte, error) {
	m, err := messageOf(w)
	if err != nil {
		return nil, err
	}
	return m.AppendRaw(nil)
}

// payloadRow is the payload as it is, or on one line if it is JSON on several. A payload that a key has found not to be JSON is no row: what reads the
// file expects JSON.
func payloadRow(w *workspace) ([]byte, error) {
	data := w.msg.Data
	switch {
	case len(data) == 0:
		return nil, errEmptyPayload
	case w.notJSON:
		return nil, errNotJSON
	case bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0:
		return data, nil
	}
	var line bytes.Buffer
	if err := json.Compact(&line, data); err != nil {
		return nil, errLineBreaks
	}
	return line.Bytes(), nil
}
