package rowread_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/rowread"
	"github.com/nats-io/nats.go"
)

var stored = time.Date(2026, 11, 28, 7, 8, 9, 123456789, time.UTC)

// samples are messages that are hard to write down.
func samples() []*jetcapture.NatsMessage {
	var all []*jetcapture.NatsMessage
	add := func(subject string, header nats.Header, raw, data []byte) {
		m := &jetcapture.NatsMessage{
			Subject: subject, Header: header, HeaderRaw: raw, Data: data,
			Metadata: &nats.MsgMetadata{
				Timestamp: stored.Add(time.Duration(len(all))), Stream: "ORDERS",
				Sequence: nats.SequencePair{Stream: uint64(len(all)) + 1<<60},
			},
		}
		if subject == "not\xffutf8" {
			m.SubjectRaw = []byte(subject)
		}
		all = append(all, m)
	}
	add("orders.new", nil, nil, []byte(`{"a":1}`))
	add("orders.new", nil, nil, []byte{})
	add("blanks", nil, nil, []byte("  {\"datacontenttype\":\"application/json\",\"data\":1}\t "))
	add("a\"<\\>", nil, nil, []byte("\x00\xff\n\r"))
	add("not\xffutf8", nil, nil, []byte("x"))
	add("h", nats.Header{"A": {"1", ""}, "b": {"<&>"}}, nil, []byte("[1,2]"))
	add("h", nats.Header{"},": {"},", "data"}, "x": {"},"}}, nil, []byte("[1,2]"))
	add("h", nats.Header{"A": {}}, []byte("NATS/1.0\r\nA 1\r\n\r\n"), []byte("null"))
	add("h", nats.Header{"Nats-Msg-Id": {"7"}}, nil, bytes.Repeat([]byte("long "), 40_000))
	return all
}

// file writes messages as a file of a kind.
func file(t *testing.T, k rowread.Kind, ms []*jetcapture.NatsMessage) []byte {
	t.Helper()
	var b []byte
	if k == rowread.Raw {
		b = []byte(jetcapture.RawMagic)
	}
	for _, m := range ms {
		var err error
		switch k {
		case rowread.Raw:
			b, err = m.AppendRaw(b)
		case rowread.Event:
			b, err = jetcapture.CloudEvent{NatsMessage: m}.AppendJSON(b)
			b = append(b, '\n')
		default:
			b, err = m.AppendJSON(b)
			b = append(b, '\n')
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// same compares what a row says with its message.
func same(got *rowread.Message, want *jetcapture.NatsMessage) error {
	header := want.Header
	if len(header) == 0 && len(got.Header) == 0 {
		header = got.Header // no row tells an empty one from none
	}
	switch meta := want.Metadata; {
	case got.Seq != meta.Sequence.Stream, !got.Time.Equal(meta.Timestamp):
		return fmt.Errorf("sequence %d at %s, want %d at %s", got.Seq, got.Time, meta.Sequence.Stream, meta.Timestamp)
	case got.Subject != want.Subject:
		return fmt.Errorf("subject %q, want %q", got.Subject, want.Subject)
	case len(want.HeaderRaw) == 0 && !reflect.DeepEqual(got.Header, header):
		return fmt.Errorf("header %v, want %v", got.Header, header)
	case !bytes.Equal(got.HeaderRaw, want.HeaderRaw):
		return fmt.Errorf("header block %q, want %q", got.HeaderRaw, want.HeaderRaw)
	case !bytes.Equal(got.Data, want.Data):
		return fmt.Errorf("payload %.40q, want %.40q", got.Data, want.Data)
	}
	return nil
}

func TestWholeMessagesComeBack(t *testing.T) {
	for _, k := range []rowread.Kind{rowread.JSONMessage, rowread.Event, rowread.Raw} {
		for _, size := range []int{16, 64, rowread.BufferSize} {
			in := bytes.NewReader(file(t, k, samples()))
			r, err := rowread.New(k, in, size, &rowread.Scratch{}, rowread.AllParts)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range samples() {
				var m rowread.Message
				if i == 2 {
					err = r.Skip()
				} else if err = r.Next(&m); err == nil {
					err = same(&m, want)
				}
				if err != nil {
					t.Fatalf("kind %d, buffer of %d: message %d: %v", k, size, i, err)
				}
			}
			if err := r.Next(&rowread.Message{}); !errors.Is(err, io.EOF) {
				t.Errorf("kind %d: %v after the last row", k, err)
			}
		}
	}
}

// Each row is either quick to read or not, with the same result: a blank makes it slow.
func TestQuickRowsEqualSlowOnes(t *testing.T) {
	ms := samples()
	slow := bytes.ReplaceAll(file(t, rowread.JSONMessage, ms), []byte(`{"subject":`), []byte(`{ "subject":`))
	in := bytes.NewReader(slow)
	r, err := rowread.New(rowread.JSONMessage, in, rowread.BufferSize, &rowread.Scratch{}, rowread.AllParts)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range ms {
		var m rowread.Message
		if err := errors.Join(r.Next(&m), same(&m, want)); err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
}

// What is wanted of a row does not depend on what else is.
func TestPartsOfRows(t *testing.T) {
	for _, k := range []rowread.Kind{rowread.JSONMessage, rowread.Event, rowread.Raw} {
		for want := range rowread.AllParts + 1 {
			r, err := rowread.New(k, bytes.NewReader(file(t, k, samples())), 64, &rowread.Scratch{}, want)
			if err != nil {
				t.Fatal(err)
			}
			for i, sample := range samples() {
				var m rowread.Message
				if err = r.Next(&m); err == nil {
					err = same(without(m, want, sample), sample)
				}
				if err != nil {
					t.Fatalf("kind %d, parts %b: message %d: %v", k, want, i, err)
				}
			}
		}
	}
}

// without returns a message with the parts of a sample that were not wanted.
func without(m rowread.Message, want rowread.Parts, sample *jetcapture.NatsMessage) *rowread.Message {
	if want&rowread.Subject == 0 {
		m.Subject = sample.Subject
	}
	if want&rowread.Time == 0 {
		m.Time = sample.Metadata.Timestamp
	}
	if want&rowread.Header == 0 {
		m.Header, m.HeaderRaw = sample.Header, sample.HeaderRaw
	}
	return &m
}

func TestFilesThatAreCutOff(t *testing.T) {
	for _, k := range []rowread.Kind{rowread.JSONMessage, rowread.Event, rowread.Raw} {
		whole := file(t, k, samples()[:2])
		for n := range whole {
			r, err := rowread.New(k, bytes.NewReader(whole[:n]), 64, &rowread.Scratch{}, rowread.AllParts)
			if err != nil {
				t.Fatal(err)
			}
			var rows int
			for err = nil; err == nil; rows++ {
				err = r.Next(&rowread.Message{})
			}
			if rows > 2 || errors.Is(err, io.EOF) && !atRow(k, whole, n) {
				t.Errorf("kind %d, %d of %d bytes: %d rows, %v", k, n, len(whole), rows-1, err)
			}
		}
	}
}

// atRow reports whether the first n bytes of a file are whole rows.
func atRow(k rowread.Kind, whole []byte, n int) bool {
	if k == rowread.Raw {
		first := len(rowread.RawRecordOf(whole))
		return n == 8 || n == 8+first
	}
	return n == 0 || whole[n-1] == '\n'
}

func TestHostileRows(t *testing.T) {
	for text, k := range map[string]rowread.Kind{
		"null\n": rowread.JSONMessage, "{}\n": rowread.JSONMessage,
		"{\"id\":\"x-1\"}\n": rowread.Event, "7\n": rowread.DeadLetter,
		"JCRAW001\x00\x00\x00\x01": rowread.Raw, "JCRAW001\xff\xff\xff\xff": rowread.Raw, "JCRAW002": rowread.Raw,
		"JCRAW001\x00\x00\x00\x18" + strings.Repeat("\xff", 24): rowread.Raw,
	} {
		r, err := rowread.New(k, strings.NewReader(text), 64, &rowread.Scratch{}, rowread.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Next(&rowread.Message{}); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%q was read: %v", text, err)
		}
	}
	if _, err := rowread.New(0, nil, 1, &rowread.Scratch{}, rowread.AllParts); err == nil {
		t.Error("rows of no kind were opened")
	}
}
