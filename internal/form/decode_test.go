package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/nats-io/nats.go"
)

// delivered is a message as a consumer delivers it: stream sequence 17, 2026-11-23T15:00:00.000000001Z.
func delivered(subject, data string) *nats.Msg {
	return &nats.Msg{
		Subject: subject, Data: []byte(data), Sub: &nats.Subscription{},
		Reply: "$JS.ACK.ORDERS.c.1.17.17.1795446000000000001.0",
	}
}

// parsedAll parses sources or columns.
func parsedAll[T any](t testing.TB, parse func(string) (T, error), expressions ...string) (all []T) {
	t.Helper()
	for _, e := range expressions {
		one, err := parse(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

func keysOf(t testing.TB, expressions ...string) []source.Named {
	t.Helper()
	return parsedAll(t, source.ParseNamed, expressions...)
}

func columnsOf(t testing.TB, expressions ...string) []column.Column {
	t.Helper()
	return parsedAll(t, column.Parse, expressions...)
}

func TestPayloadRows(t *testing.T) {
	plain := Form{Format: NDJSON, Record: RecordPayload}
	keyed := Form{Format: NDJSON, Record: RecordPayload, Keys: keysOf(t, "json:id")}
	for _, tt := range []struct {
		form      Form
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
	got, _, err := newDecoder(Form{Format: NDJSON, Record: RecordMessage}).decode(msg)
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
	d := newDecoder(Form{Format: NDJSON, Record: RecordMessage, Keys: keysOf(t, "id=json:id")})
	_, k, err := d.decode(delivered("orders.1", "not JSON"))
	if err != nil {
		t.Fatal(err)
	}
	if segments, err := k.Segments(); err != nil || strings.Join(segments, "/") != "id=_none" {
		t.Errorf("got %q, %v", segments, err)
	}
}

func TestCSVRows(t *testing.T) {
	columns := columnsOf(t, "id=json:id", "note=json:note", "n:int64=json:n", "trace=header:Trace", "shop=subject[2]",
		"seq:int64=seq", "at:timestamp=time")
	d := newDecoder(Form{Format: CSV, Columns: columns, Mismatch: Rescue})
	const tail = `,,berlin,17,2026-11-23T15:00:00.000000001Z,`
	for payload, want := range map[string]string{
		`{"id":1,"note":"x"}`:             `1,x,` + tail,
		`{"id":null}`:                     `,,` + tail,
		`{"id":"","note":" x"}`:           `""," x",` + tail,
		`{"id":"\\.","note":"y","n":3.0}`: `"\.",y,3` + tail,
		`{"id":"a,b","note":"say \"x\""}`: `"a,b","say ""x""",` + tail,
		`{"id":1.50,"note":"1\n2"}`:       "1.50,\"1\n2\"," + tail,
		`{"id":true,"n":3.5}`:             `true,,` + tail + `"{""n"":{""reason"":""it has a fraction"",""value"":3.5}}"`,
		`{"note":"\u0000"}`: `,,` + tail +
			`"{""note"":{""reason"":""it has a NUL, which readers of csv do not take"",""value"":""\u0000""}}"`,
		`not JSON`: `,,` + tail +
			`"{""_payload"":{""reason"":""the payload is not JSON"",""value"":""not JSON""}}"`,
	} {
		got, _, err := d.decode(delivered("orders.berlin", payload))
		if err != nil || string(got.text) != want {
			t.Errorf("%s gives\n%s, %v, want\n%s", payload, got.text, err, want)
		}
	}
	d.form.Mismatch = DeadLetter
	for _, payload := range []string{"not JSON", `{"n":"x"}`, `{"id":{}}`} {
		if got, _, err := d.decode(delivered("orders.berlin", payload)); err == nil {
			t.Errorf("%s gives %q", payload, got.text)
		}
	}
}

// TestOneEmptyFieldIsARow: most readers skip an empty line.
func TestOneEmptyFieldIsARow(t *testing.T) {
	d := newDecoder(Form{Format: CSV, Mismatch: DeadLetter, Columns: columnsOf(t, "id=json:id")})
	if got, _, err := d.decode(delivered("orders.1", "{}")); err != nil || string(got.text) != `""` {
		t.Errorf("got %q, %v", got.text, err)
	}
}

func TestNullsOfCSV(t *testing.T) {
	d := newDecoder(Form{
		Format: CSV, CSVNull: "NULL", Mismatch: Rescue,
		Columns: columnsOf(t, "a=json:a", "b=json:b", "c:bytes=payload"),
	})
	got, _, err := d.decode(delivered("orders.1", `{"b":"NULL"}`))
	if want := `NULL,"NULL",eyJiIjoiTlVMTCJ9,NULL`; err != nil || string(got.text) != want {
		t.Errorf("got %q, %v, want %q", got.text, err, want)
	}
}

func TestFormulasOfCSV(t *testing.T) {
	d := newDecoder(Form{
		Format: CSV, CSVEscape: true, CSVNull: "'-", Mismatch: Rescue,
		Columns: columnsOf(t, "a=json:a", "b=json:b", "n:int64=json:n", "d:decimal(9,2)=json:d", "j:json=json:n",
			"h:bytes=payload"),
	})
	got, _, err := d.decode(delivered("orders.1", `{"a":"=1,2","b":"-","n":-5,"d":-1.5}`))
	want := `"'=1,2","'-",-5,-1.5,-5,eyJhIjoiPTEsMiIsImIiOiItIiwibiI6LTUsImQiOi0xLjV9,'-`
	if err != nil || string(got.text) != want {
		t.Errorf("got %q, %v, want %q", got.text, err, want)
	}
}

func TestPayloadRowsCostNoMemory(t *testing.T) {
	d := newDecoder(Form{Format: NDJSON, Record: RecordPayload, Keys: keysOf(t, "store=json:store", "subject[2]")})
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
	for _, f := range []Form{
		{Format: NDJSON, Record: RecordMessage},
		{Format: NDJSON, Record: RecordPayload, Keys: keysOf(t, "a=json:x\\.y", "header:X,Y", "subject[2]")},
		{
			Format: CSV, Mismatch: Rescue, CSVNull: "NULL", CSVNoHeader: true, Keys: keysOf(t, "time"),
			Columns: columnsOf(t, "a=json:<&>", "b=header:\"q\"", "c=seq"),
		},
		{Format: CSV, Mismatch: Rescue, CSVEscape: true, Columns: columnsOf(t, "a=json:a")},
		{Format: Parquet, Record: RecordMessage, Payload: PayloadJSON, Codec: jetcapture.Zstd, Level: 7},
		{Format: Parquet, Mismatch: DeadLetter, Codec: jetcapture.None, Columns: columnsOf(t, "a:decimal(9,2)=json:a")},
		{Format: Parquet, Record: RecordMessage, Payload: PayloadBytes, Codec: jetcapture.Zstd, Micros: true},
		{Format: Avro, Record: RecordMessage, Codec: jetcapture.GZip},
		{Format: Avro, Record: RecordMessage, Codec: jetcapture.GZip, Micros: true},
		{Format: Avro, Record: RecordEventHubs, Codec: jetcapture.GZip},
	} {
		o := f.Apply(Options{Compression: jetcapture.Snappy, Settings: map[string]string{"more": "kept"}}, Hooks{})
		planned := cutlog.Settings{"compression": "zstd", "decoder_version": cutlog.CommandVersion}
		for name, v := range o.Settings {
			planned.SetUser(name, v)
		}
		back, err := ForPlan(Options{}, planned, Hooks{})
		if err != nil {
			t.Fatal(err)
		}
		if back.Compression != jetcapture.Zstd || back.Suffix != string(f.Format) ||
			back.Settings[cutlog.SettingFormat] != string(f.Format) {
			t.Errorf("got %q, %q, %v", back.Compression, back.Suffix, back.Settings)
		}
		delete(o.Settings, "more")
		if !maps.Equal(back.Settings, o.Settings) {
			t.Errorf("got  %v\nwant %v", back.Settings, o.Settings)
		}
	}
}

func TestPlansOfOthersAreRefused(t *testing.T) {
	for _, planned := range []map[string]string{
		{},
		{"decoder_version": "jetcapture-0"},
		{"decoder_version": cutlog.CommandVersion, "x_format": "orc"},
		{"decoder_version": cutlog.CommandVersion, "x_format": "parquet", "x_codec": "lz4"},
		{"decoder_version": cutlog.CommandVersion, "x_format": "avro", "x_codec_level": "x"},
		{"decoder_version": cutlog.CommandVersion, "x_format": "csv", "x_columns": "a"},
		{"decoder_version": cutlog.CommandVersion, "x_format": "csv", "x_columns": `["a=b"]`},
		{"decoder_version": cutlog.CommandVersion, "x_format": "csv", "x_keys": `["subject[0]"]`},
		{"decoder_version": cutlog.CommandVersion, "x_format": "csv", "compression_level": "high"},
	} {
		if _, err := ForPlan(Options{}, planned, Hooks{}); err == nil {
			t.Errorf("%v is taken", planned)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	payload := `{"id":123456,"store":"berlin","items":[{"sku":"a-1","count":2},{"sku":"b-7","count":1}],` +
		`"total":{"amount":17.5,"currency":"EUR"}}`
	for _, bb := range []struct {
		name string
		form Form
	}{
		{"payload", Form{Format: NDJSON, Record: RecordPayload, Keys: keysOf(b, "json:store")}},
		{"message", Form{Format: NDJSON, Record: RecordMessage, Keys: keysOf(b, "subject[2]")}},
		{"csv", Form{Format: CSV, Columns: columnsOf(b, "id=json:id", "amount=json:total.amount", "seq=seq", "time=time")}},
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

// TestRescuedRowsAreReportedWhenTheyAreWritten: decoding alone counts nothing.
func TestRescuedRowsAreReportedWhenTheyAreWritten(t *testing.T) {
	for _, f := range []Form{
		{Format: CSV, Mismatch: Rescue, Columns: columnsOf(t, "n:int64=json:n")},
		{Format: Parquet, Mismatch: Rescue, Columns: columnsOf(t, "n:int64=json:n")},
	} {
		rescued := 0
		o := f.Apply(Options{}, Hooks{Rescued: func() { rescued++ }})
		w := o.WriterFactory()
		if err := w.InitNew(&bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
		for _, payload := range []string{`{"n":1}`, `{"n":"x"}`, `not JSON`, `{"n":2}`} {
			r, _, err := o.MessageDecoder(delivered("orders.1", payload))
			if err != nil {
				t.Fatal(err)
			}
			before := rescued
			if _, err := w.Write(r); err != nil {
				t.Fatal(err)
			}
			if got, want := rescued-before == 1, !strings.HasPrefix(payload, `{"n":1}`) &&
				!strings.HasPrefix(payload, `{"n":2}`); got != want {
				t.Errorf("%s: %s is reported as rescued: %v, want %v", f.Format, payload, got, want)
			}
		}
	}
}
