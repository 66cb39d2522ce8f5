package jetcapture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/nats-io/nats.go"
)

// delivered returns a message as a consumer delivers it.
func delivered(subject string, header nats.Header, data []byte) *nats.Msg {
	return &nats.Msg{
		Subject: subject,
		Reply:   "$JS.ACK.hub.ACCHASH.ORDERS.cons.3.42.7.1763913600123456789.99.tok",
		Header:  header,
		Data:    data,
		Sub:     new(nats.Subscription),
	}
}

func TestNatsToNatsKeepsTheStoredMessageAlone(t *testing.T) {
	decode := jetcapture.NatsToNats(jetcapture.SubjectToDestKey)
	got, key, err := decode(delivered("orders.new", nats.Header{"B": {"2", "1"}}, []byte("hi")))
	if err != nil || key != "orders.new" {
		t.Fatal(key, err)
	}
	want := &jetcapture.NatsMessage{
		Subject: "orders.new",
		Header:  map[string][]string{"B": {"2", "1"}},
		Data:    []byte("hi"),
		Metadata: &nats.MsgMetadata{
			Stream:    "ORDERS",
			Sequence:  nats.SequencePair{Stream: 42},
			Timestamp: time.Unix(0, 1763913600123456789).UTC(),
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v (%+v)\nwant %+v", got, got.Metadata, want)
	}
}

func TestNatsToNatsEmptyMessage(t *testing.T) {
	decode := jetcapture.NatsToNats(func(*nats.Msg) int { return 1 })
	rows := map[string]bool{}
	for _, m := range []*nats.Msg{delivered("s", nil, nil), delivered("s", nats.Header{}, []byte{})} {
		got, _, err := decode(m)
		if err != nil {
			t.Fatal(err)
		}
		rows[marshal(t, got)] = true
	}
	const want = `{"subject":"s","reply":"","header":{},"data":"","metadata":{` +
		`"Sequence":{"consumer_seq":0,"stream_seq":42},"NumDelivered":0,"NumPending":0,` +
		`"Timestamp":"2025-11-23T16:00:00.123456789Z","Stream":"ORDERS","Consumer":"","Domain":""}}`
	if len(rows) != 1 || !rows[want] {
		t.Errorf("rows %v\nwant only %s", rows, want)
	}
}

func TestNatsToNatsKeepsWhatJSONCannot(t *testing.T) {
	decode := jetcapture.NatsToNats(jetcapture.SubjectToDestKey)
	tests := map[string]struct {
		subject      string
		header       nats.Header
		raw, headers string
	}{
		"all valid": {"a.é", nats.Header{"K": {"é"}}, "", ""},
		"subject":   {"a.\xff", nats.Header{"K": {"v"}}, "a.\xff", ""},
		"header value": {
			"a", nats.Header{"Z": {"1"}, "K": {"\xfe", "x"}}, "", "NATS/1.0\r\nK: \xfe\r\nK: x\r\nZ: 1\r\n\r\n",
		},
		"header name":   {"a", nats.Header{"\x80": {"v"}}, "", "NATS/1.0\r\n\x80: v\r\n\r\n"},
		"header absent": {"a", nil, "", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			m, _, err := decode(delivered(tc.subject, tc.header, nil))
			if err != nil {
				t.Fatal(err)
			}
			if string(m.SubjectRaw) != tc.raw || string(m.HeaderRaw) != tc.headers {
				t.Errorf("raw subject %q, raw header %q", m.SubjectRaw, m.HeaderRaw)
			}
			if m.HeaderRaw == nil {
				return
			}
			back, err := nats.DecodeHeadersMsg(m.HeaderRaw)
			if err != nil || !reflect.DeepEqual(back, tc.header) {
				t.Errorf("raw header reads back as %q, %v", back, err)
			}
		})
	}
}

func TestNatsToNatsNeedsJetStream(t *testing.T) {
	decode := jetcapture.NatsToNats(jetcapture.SubjectToDestKey)
	if _, _, err := decode(&nats.Msg{Subject: "a", Sub: new(nats.Subscription)}); !errors.Is(err, nats.ErrMsgNoReply) {
		t.Errorf("got %v", err)
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// checkAppendJSON compares AppendJSON with encoding/json, errors included.
func checkAppendJSON(t *testing.T, m *jetcapture.NatsMessage) {
	t.Helper()
	want, wantErr := json.Marshal(m)
	got, err := m.AppendJSON([]byte("before"))
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("AppendJSON: %v, encoding/json: %v", err, wantErr)
	}
	if err == nil && string(got) != "before"+string(want) {
		t.Errorf("AppendJSON   %s\nencoding/json %s", got, want)
	}
}

func TestAppendJSONEqualsEncodingJSON(t *testing.T) {
	var all strings.Builder
	for c := range rune(0x3000) {
		all.WriteRune(c)
	}
	zone := time.FixedZone("", 5*3600+1800)
	for _, m := range []*jetcapture.NatsMessage{
		nil,
		{},
		{Subject: all.String(), Reply: "r\xc3(", SubjectRaw: []byte{}, HeaderRaw: []byte("x")},
		{Header: map[string][]string{}, Data: []byte{}, Metadata: &nats.MsgMetadata{}},
		{
			Header: map[string][]string{"b": nil, "a": {}, "c": {"1", "<2>"}, "\xff": {"x"}, "\xfe": {"y"}},
			Data:   []byte{0, 255, 62},
		},
		{Metadata: &nats.MsgMetadata{
			Sequence: nats.SequencePair{Consumer: 1, Stream: 1<<64 - 1}, NumDelivered: 3, NumPending: 4,
			Timestamp: time.Date(2026, 2, 28, 23, 59, 59, 120, zone), Stream: "S\"", Consumer: "C\\", Domain: "\u2028",
		}},
		{Metadata: &nats.MsgMetadata{Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}},
	} {
		checkAppendJSON(t, m)
	}
}

func FuzzAppendJSONEqualsEncodingJSON(f *testing.F) {
	f.Add("orders.\xff<", "K\u2028", "v\x00\x7f", []byte("data"), uint64(7), int64(1763913600123456789))
	f.Add("", "", "\xed\xa0\x80\xf4\x90\x80\x80", []byte(nil), uint64(0), int64(-1))
	f.Fuzz(func(t *testing.T, subject, name, value string, data []byte, seq uint64, nanos int64) {
		checkAppendJSON(t, &jetcapture.NatsMessage{
			Subject: subject, SubjectRaw: []byte(subject), Reply: value, HeaderRaw: data, Data: data,
			Header: map[string][]string{name: {value, subject}, value: {name}, "x": nil},
			Metadata: &nats.MsgMetadata{
				Stream: name, Domain: value, Sequence: nats.SequencePair{Stream: seq}, Timestamp: time.Unix(0, nanos),
			},
		})
	})
}

func TestNDJSONUsesAppendJSON(t *testing.T) {
	m, _, err := jetcapture.NatsToNats(jetcapture.SubjectToDestKey)(delivered("a<b", nats.Header{"K": {"v"}}, []byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	var w jetcapture.NewLineDelimitedJSON[*jetcapture.NatsMessage]
	if err := errors.Join(w.InitNew(&out), writeOne(&w, m), w.Flush()); err != nil {
		t.Fatal(err)
	}
	if want := marshal(t, m) + "\n"; out.String() != want {
		t.Errorf("got %s, want %s", out.String(), want)
	}
}

func benchmarkMessage() *nats.Msg {
	data := []byte(strings.Repeat(`{"first_name":"Ada","last_name":"Lovelace","region":"eu"}`, 3))
	return delivered("orders.eu.store-1.created", nats.Header{"Nats-Msg-Id": {"0b7d0a2c"}, "Trace": {"abc"}}, data)
}

func BenchmarkNatsToNats(b *testing.B) {
	decode, msg := jetcapture.NatsToNats(jetcapture.SubjectToDestKey), benchmarkMessage()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := decode(msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNatsMessageRow(b *testing.B) {
	m, _, err := jetcapture.NatsToNats(jetcapture.SubjectToDestKey)(benchmarkMessage())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("AppendJSON", func(b *testing.B) {
		var w jetcapture.NewLineDelimitedJSON[*jetcapture.NatsMessage]
		if err := w.InitNew(io.Discard); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.Write(m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json.Marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
