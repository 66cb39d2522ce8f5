package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/nats-io/nats.go"
)

// delivered is a message as a consumer delivers it: stream sequence 17, 2026-11-23T15:00:00.000000001Z.
func delivered(subject, data string) *nats.Msg {
	return &nats.Msg{Subject: subject, Data: []byte(data), Sub: &nats.Subscription{}, Reply: "$JS.ACK.ORDERS.c.1.17.17.1795446000000000001.0"}
}

func parseAll(t testing.TB, expressions ...string) (all []source.Named) {
	t.Helper()
	for _, e := range expressions {
		n, err := source.ParseNamed(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

func TestPayloadRows(t *testing.T) {
	plain := form{format: formatNDJSON, record: recordPayload}
	keyed := form{format: formatNDJSON, record: recordPayload, keys: parseAll(t, "json:id")}
	for _, tt := range []struct {
		form      form
		payload   string
		want      string
		wantError error
	}{
		{plain, `{"id":1}`, `{"id":1}`, nil},
		{plain, `{ "id" : 1 }`, `{ "id" : 1 }`, nil},
		{plain, "no JSON at all", "no JSON at all", nil},
		{plain, "{\n \"id\": [1,\r\n2],\n \"u\": \"<\u2028>\"}\n", "{\"id\":[1,2],\"u\":\"<\u2028>\"}", nil},
		{plain, "1\n2\n", "", errLineBreaks},
		{plain, "no\rJSON", "", errLineBreaks},
		{plain, "\n", "", errLineBreaks},
		{plain, "", "", errEmptyPayload},
		{keyed, `{"id":1}`, `{"id":1}`, nil},
		{keyed, `{"no":1}`, `{"no":1}`, nil},
		{keyed, `{"id":`, "", errNotJSON},
	} {
		got, _, err := newDecoder(tt.form).decode(delivered("orders.1", tt.payload))
		if string(got.text) != tt.want || !errors.Is(err, tt.wantError) {
			t.Errorf("%q gives %q, %v, want %q, %v", tt.payload, got.text, err, tt.want, tt.wantError)
		}
	}
}

func TestMessageRowIsTheLibrarysEnvelope(t *testing.T) {
	msg := delivered("orders.1", "any\nthing \xff")
	msg.Header = nats.Header{"Trace": {"a", "b"}}
	got, _, err := newDecoder(form{format: formatNDJSON, record: recordMessage}).decode(msg)
	if err != nil {
		t.Fatal(err)
	}
	envelope, _, err := jetcapture.NatsToNats(jetcapture.SubjectToDestKey)(msg)
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(envelope)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.text, want) {
		t.Errorf("got  %s\nwant %s", got.text, want)
	}
}

func TestMessageRowTakesPayloadsThatAreNotJSON(t *testing.T) {
	d := newDecoder(form{format: formatNDJSON, record: recordMessage, keys: parseAll(t, "id=json:id")})
	_, k, err := d.decode(delivered("orders.1", "not JSON"))
	if err != nil {
		t.Fatal(err)
	}
	if segments, err := k.segments(); err != nil || strings.Join(segments, "/") != "id=_none" {
		t.Errorf("got %q, %v", segments, err)
	}
}

func TestCSVRows(t *testing.T) {
	d := newDecoder(form{format: formatCSV, columns: parseAll(t, "id=json:id", "note=json:note", "trace=header:Trace", "shop=subject[2]", "seq=seq", "at=time")})
	for payload, want := range map[string]string{
		`{"id":1,"note":"x"}`:             `1,x,,berlin,17,2026-11-23T15:00:00.000000001Z`,
		`{"id":null}`:                     `,,,berlin,17,2026-11-23T15:00:00.000000001Z`,
		`{"id":"a,b","note":"say \"x\""}`: `"a,b","say ""x""",,berlin,17,2026-11-23T15:00:00.000000001Z`,
		`{"id":{"a": 1},"note":"1\n2"}`:   "\"{\"\"a\"\": 1}\",\"1\n2\",,berlin,17,2026-11-23T15:00:00.000000001Z",
	} {
		got, _, err := d.decode(delivered("orders.berlin", payload))
		if err != nil || string(got.text) != want {
			t.Errorf("%s gives %s, %v, want %s", payload, got.text, err, want)
		}
	}
	if got, _, err := d.decode(delivered("orders.berlin", "not JSON")); err == nil {
		t.Errorf("a payload that is not JSON gives %q", got.text)
	}
}

// TestOneEmptyFieldIsARow: most readers skip an empty line.
func TestOneEmptyFieldIsARow(t *testing.T) {
	d := newDecoder(form{format: formatCSV, columns: parseAll(t, "id=json:id")})
	if got, _, err := d.decode(delivered("orders.1", "{}")); err != nil || string(got.text) != `""` {
		t.Errorf("got %q, %v", got.text, err)
	}
}

func TestPayloadRowsCostNoMemory(t *testing.T) {
	d := newDecoder(form{format: formatNDJSON, record: recordPayload, keys: parseAll(t, "store=json:store", "subject[2]")})
	msg := delivered("orders.berlin", `{"id":1,"store":"berlin"}`)
	n := testing.AllocsPerRun(1000, func() {
		if _, _, err := d.decode(msg); err != nil {
			t.Fatal(err)
		}
	})
	if n >= 1 && !raceEnabled { // a sync.Pool drops entries at random under the race detector
		t.Errorf("%v allocations a message", n)
	}
}

func TestSettingsOfAPlanMakeTheSameForm(t *testing.T) {
	for _, f := range []form{
		{format: formatNDJSON, record: recordMessage},
		{format: formatNDJSON, record: recordPayload, keys: parseAll(t, "a=json:x\\.y", "header:X,Y", "subject[2]")},
		{format: formatCSV, record: recordMessage, columns: parseAll(t, "a=json:<&>", "b=header:\"q\"", "c=seq"), keys: parseAll(t, "time")},
	} {
		o := f.apply(captureOptions{Compression: jetcapture.Snappy, Settings: map[string]string{"more": "kept"}})
		planned := map[string]string{"compression": "zstd", "decoder_version": decoderVersion}
		for name, v := range o.Settings {
			planned[planPrefix+name] = v
		}
		back, err := forPlan(captureOptions{}, planned)
		if err != nil {
			t.Fatal(err)
		}
		if back.Compression != jetcapture.Zstd || back.Suffix != string(f.format) || back.Settings[settingFormat] != string(f.format) {
			t.Errorf("got %q, %q, %v", back.Compression, back.Suffix, back.Settings)
		}
		for _, name := range []string{settingFormat, settingRecord, settingColumns, settingKeys} {
			if back.Settings[name] != o.Settings[name] {
				t.Errorf("%s is %s, was %s", name, back.Settings[name], o.Settings[name])
			}
		}
	}
}

func TestPlansOfOthersAreRefused(t *testing.T) {
	for _, planned := range []map[string]string{
		{},
		{"decoder_version": "jetcapture-0"},
		{"decoder_version": decoderVersion, "x_format": "parquet"},
		{"decoder_version": decoderVersion, "x_format": "csv", "x_columns": "a"},
		{"decoder_version": decoderVersion, "x_format": "csv", "x_columns": `["a=b"]`},
		{"decoder_version": decoderVersion, "x_format": "csv", "x_keys": `["subject[0]"]`},
		{"decoder_version": decoderVersion, "x_format": "csv", "compression_level": "high"},
	} {
		if _, err := forPlan(captureOptions{}, planned); err == nil {
			t.Errorf("%v is taken", planned)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	payload := `{"id":123456,"store":"berlin","items":[{"sku":"a-1","count":2},{"sku":"b-7","count":1}],"total":{"amount":17.5,"currency":"EUR"}}`
	for _, bb := range []struct {
		name string
		form form
	}{
		{"payload", form{format: formatNDJSON, record: recordPayload, keys: parseAll(b, "json:store")}},
		{"message", form{format: formatNDJSON, record: recordMessage, keys: parseAll(b, "subject[2]")}},
		{"csv", form{format: formatCSV, columns: parseAll(b, "id=json:id", "amount=json:total.amount", "seq=seq", "time=time")}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			d, msg := newDecoder(bb.form), delivered("orders.berlin", payload)
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				if _, _, err := d.decode(msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
