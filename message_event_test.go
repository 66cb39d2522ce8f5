package jetcapture_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/rowcount"
	"github.com/nats-io/nats.go"
)

func eventMessage(data string) *jetcapture.NatsMessage {
	return &jetcapture.NatsMessage{
		Subject: "orders.1", Header: map[string][]string{}, Data: []byte(data),
		Metadata: &nats.MsgMetadata{
			Stream: "OR DERS", Sequence: nats.SequencePair{Stream: 17},
			Timestamp: time.Date(2026, 11, 23, 15, 0, 0, 1, time.UTC),
		},
	}
}

func TestCloudEvent(t *testing.T) {
	const head = `{"specversion":"1.0","id":"17-1795446000000000001","source":"/streams/OR%20DERS",` +
		`"type":"io.jetcapture.message",` +
		`"subject":"orders.1","time":"2026-11-23T15:00:00.000000001Z","sequence":"00000000000000000017"`
	const jsonData = `,"datacontenttype":"application/json","data":`
	const otherData = `,"datacontenttype":"application/octet-stream","data_base64":`
	deep := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	for data, want := range map[string]string{
		"":                               "",
		`{"a": 1}`:                       jsonData + `{"a": 1}`,
		"{\n\"a\":\r\n[1,\t\"<\"]}\n":    jsonData + `{"a":[1,"<"]}`,
		"12345678901234567890":           jsonData + "12345678901234567890",
		"null":                           jsonData + "null",
		deep:                             jsonData + deep,
		"no JSON":                        otherData + `"bm8gSlNPTg=="`,
		"\"\xff\"":                       otherData + `"Iv8i"`,
		`"\ud800"`:                       otherData + `"Ilx1ZDgwMCI="`,
		`"\ud83d\ude00"`:                 jsonData + `"\ud83d\ude00"`,
		"\x00":                           otherData + `"AA=="`,
		`{"a":1}{"a":2}`:                 otherData + `"eyJhIjoxfXsiYSI6Mn0="`,
		strings.Repeat("[", 20_000):      otherData + `"` + strings.Repeat("W1tb", 6666) + `W1s="`,
		`{"a":"` + "\u2028" + `\u0000"}`: jsonData + `{"a":"` + "\u2028" + `\u0000"}`,
	} {
		got, err := jetcapture.CloudEvent{NatsMessage: eventMessage(data)}.AppendJSON([]byte("x"))
		if err != nil || string(got) != "x"+head+want+"}" {
			t.Errorf("%.40q gives %.400s, %v", data, got, err)
		}
		if !json.Valid(got[1:]) {
			t.Errorf("%.40q gives no JSON: %.400s", data, got)
		}
	}
}

func TestCloudEventHeaders(t *testing.T) {
	m := eventMessage("1")
	m.Header = map[string][]string{"Trace": {"b", "a"}, "A": {""}}
	got, err := jetcapture.CloudEvent{NatsMessage: m}.AppendJSON(nil)
	if err != nil || !bytes.Contains(got, []byte(`,"headers":{"A":[""],"Trace":["b","a"]},"data`)) {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := (jetcapture.CloudEvent{}).AppendJSON(nil); err == nil {
		t.Error("an event of no message is written")
	}
}

func TestRawWriter(t *testing.T) {
	var out bytes.Buffer
	w := &jetcapture.RawWriter{}
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	m := eventMessage("any\nthing \xff")
	m.Header = map[string][]string{"B": {"1", "2"}, "A": {"x"}}
	for _, m := range []*jetcapture.NatsMessage{m, eventMessage("")} {
		if n, err := w.Write(m); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	const header = "NATS/1.0\r\nA: x\r\nB: 1\r\nB: 2\r\n\r\n"
	want := []byte("JCRAW001")
	for _, r := range []struct{ header, data string }{{header, "any\nthing \xff"}, {"", ""}} {
		want = binary.BigEndian.AppendUint32(want, uint32(24+8+len(r.header)+len(r.data)))
		want = binary.BigEndian.AppendUint64(want, 17)
		want = binary.BigEndian.AppendUint64(want, 1795446000000000001)
		want = binary.BigEndian.AppendUint32(want, 8)
		want = binary.BigEndian.AppendUint32(want, uint32(len(r.header)))
		want = append(want, "orders.1"+r.header+r.data...)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("got  %q\nwant %q", out.Bytes(), want)
	}
	n, err := rowcount.Layout{Format: rowcount.Raw}.Count(&out, make([]byte, 5))
	if n != 2 || err != nil {
		t.Errorf("%d records are counted, %v", n, err)
	}
	if _, err := w.Write(&jetcapture.NatsMessage{}); err == nil {
		t.Error("a message without metadata is written")
	}
}
