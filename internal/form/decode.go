package form

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
	errEmptyPayload = errors.New("the payload is empty: there is no line to write " +
		"(--record message would keep the message)")
	errNotJSON    = errors.New("the payload is not JSON")
	errLineBreaks = errors.New("the payload has line breaks and is not JSON: it cannot be made one line " +
		"(--record message would keep the message)")
)

// decoder makes key and row of messages. It may be used by several goroutines.
type decoder struct {
	form     Form
	row      func(*workspace) (Row, error)
	watch    *Watch    // may be nil
	metadata bool      // a source needs the stream sequence or the time
	spaces   sync.Pool // of *workspace
}

// workspace is the memory for the decoding of one message, kept for the next one. One goroutine owns it between Get and
// Put.
type workspace struct {
	msg     *nats.Msg
	message source.Message // msg as sources see it
	notJSON bool           // a source has found that the payload is not JSON
	origins reader.OriginParser
	key     keyMaker
	line    []byte // the CSV record in the making
	rescued column.Rescued
}

// newDecoder chooses once what every message would have to ask: what its row is, and whether metadata is needed.
func newDecoder(f Form) *decoder {
	d := &decoder{form: f}
	for _, k := range f.Keys {
		d.metadata = d.metadata || ofMetadata(k.Source)
	}
	for _, c := range f.Columns {
		d.metadata = d.metadata || ofMetadata(c.Source)
	}
	d.row = d.rowFunc()
	d.spaces.New = func() any { return &workspace{} }
	return d
}

// rowFunc returns what makes the rows of the form.
func (d *decoder) rowFunc() func(*workspace) (Row, error) {
	switch f := d.form; {
	case f.Format.Packed():
		return func(w *workspace) (Row, error) { return Row{msg: w.msg}, nil }
	case f.Format == CSV:
		return d.csvRow
	case f.Format == Raw:
		return textRow(rawText)
	case f.Record == RecordPayload:
		return textRow(payloadText)
	case f.Record == RecordEvent:
		return textRow(eventText)
	}
	return textRow(messageText)
}

func textRow(text func(*workspace) ([]byte, error)) func(*workspace) (Row, error) {
	return func(w *workspace) (Row, error) {
		t, err := text(w)
		return Row{text: t}, err
	}
}

// ofMetadata reports whether a source is in the reply subject of a delivery, whose parsing is not free.
func ofMetadata(s source.Source) bool { return s.String() == "seq" || s.String() == "time" }

// decode is the MessageDecoder.
func (d *decoder) decode(msg *nats.Msg) (Row, Key, error) {
	w := d.spaces.Get().(*workspace)
	r, k, err := d.decodeIn(w, msg)
	w.msg, w.message = nil, source.Message{} // do not hold the message
	d.spaces.Put(w)
	return r, k, err
}

func (d *decoder) decodeIn(w *workspace, msg *nats.Msg) (Row, Key, error) {
	w.msg, w.notJSON = msg, false
	w.message = source.Message{Subject: msg.Subject, Header: msg.Header, Data: msg.Data}
	if d.metadata {
		origin, err := w.origins.Parse(msg)
		if err != nil {
			return Row{}, "", err
		}
		w.message.Seq, w.message.Time = origin.Seq, origin.Time
	}
	d.watch.see(&w.message)
	k, err := d.makeKey(w)
	if err != nil {
		return Row{}, "", err
	}
	r, err := d.row(w)
	return r, k, err
}

// makeKey evaluates the keys.
func (d *decoder) makeKey(w *workspace) (Key, error) {
	w.key.begin()
	for _, s := range d.form.Keys {
		v := s.Source.Eval(&w.message)
		w.notJSON = w.notJSON || v.Kind == source.NotJSON
		if err := w.key.add(s.Name, v); err != nil {
			return "", fmt.Errorf("key %s: %w", s, err)
		}
	}
	return w.key.end(), nil
}

// envelope is about how many bytes the JSON of a message has besides its subject and payload.
const envelope = 384

// messageOf is the whole message.
func messageOf(w *workspace) (*jetcapture.NatsMessage, error) {
	m, _, err := jetcapture.NatsToNats(func(*nats.Msg) struct{} { return struct{}{} })(w.msg)
	return m, err
}

// messageText is the whole message as JSON.
func messageText(w *workspace) ([]byte, error) {
	m, err := messageOf(w)
	if err != nil {
		return nil, err
	}
	return m.AppendJSON(make([]byte, 0, envelope+len(m.Subject)+(len(m.Data)+2)/3*4))
}

// eventText is the whole message as an event of CloudEvents.
func eventText(w *workspace) ([]byte, error) {
	m, err := messageOf(w)
	if err != nil {
		return nil, err
	}
	return jetcapture.CloudEvent{NatsMessage: m}.AppendJSON(make([]byte, 0, envelope+len(m.Subject)+len(m.Data)))
}

// rawText is the whole message as a record of a raw file.
func rawText(w *workspace) ([]byte, error) {
	m, err := messageOf(w)
	if err != nil {
		return nil, err
	}
	return m.AppendRaw(nil)
}

// payloadText is the payload as it is, or on one line if it is JSON on several. A payload that a key has found not to
// be JSON is refused: the readers of such a file expect JSON.
func payloadText(w *workspace) ([]byte, error) {
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
