package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/spool"
	"github.com/nats-io/nats.go"
	"github.com/parquet-go/parquet-go"
	"github.com/twmb/avro/ocf"
)

// goldenForm is what the command makes of goldenMessages with some flags. Its golden files are the promise of
// docs/FORMATS.md: later versions read them, and write them again byte for byte. A commit that changes them says why.
type goldenForm struct {
	name   string
	args   []string
	codecs []string // of --compression
	rows   int      // in the file; the other messages are poison
	before []string // as planned by the versions that did not know these settings
}

func goldenForms() []goldenForm {
	all := []string{"none", "gzip", "zstd", "snappy"}
	columns := []string{
		"--column", "seq:int64=seq", "--column", "taken:timestamp=time", "--column", "shop=subject[2]",
		"--column", "trace:json=header:Trace-Id",
		"--column", "id:int64=json:id", "--column", "name=json:name", "--column", "total:decimal(9,2)=json:total",
		"--column", "ratio:float64=json:ratio",
		"--column", "paid:bool=json:paid", "--column", "placed:timestamp=json:at", "--column", "day:date=json:day",
		"--column", "items:json=json:items",
		"--column", "body:bytes=payload",
	}
	table := func(args ...string) []string { return append(args, columns...) }
	n := len(goldenMessages())
	noIDs := []string{cutlog.SettingFieldIDs}
	noNanos := []string{cutlog.SettingTimes}
	neither := []string{cutlog.SettingTimes, cutlog.SettingFieldIDs}
	return []goldenForm{
		{name: "message", codecs: all, rows: n},
		{name: "payload", args: []string{"--record", "payload"}, codecs: all, rows: n - 2},
		{name: "event", args: []string{"--record", "event"}, codecs: all, rows: n},
		{name: "table", args: table("--format", "csv"), codecs: all, rows: n},
		{
			name: "table-null", args: table("--format", "csv", "--csv-null", "NULL", "--csv-header=false"),
			codecs: all[:1], rows: n,
		},
		{name: "table-strict", args: table("--format", "csv", "--on-mismatch", "dead-letter"), codecs: all[:1], rows: 3},
		{name: "message", args: []string{"--format", "raw"}, codecs: all, rows: n},
		// The writers have golden files of their own: these show that they get what the flags say.
		{name: "message", args: []string{"--format", "parquet"}, codecs: all[2:3], rows: n, before: neither},
		{
			name: "message-json", args: []string{"--format", "parquet", "--payload", "json"}, codecs: all[2:3], rows: n,
			before: neither,
		},
		{name: "message-ns", args: []string{"--format", "parquet"}, codecs: all[2:3], rows: n, before: noIDs},
		{
			name: "message-json-ns", args: []string{"--format", "parquet", "--payload", "json"}, codecs: all[2:3], rows: n,
			before: noIDs,
		},
		{name: "message-ids", args: []string{"--format", "parquet"}, codecs: all[2:3], rows: n},
		{name: "message-json-ids", args: []string{"--format", "parquet", "--payload", "json"}, codecs: all[2:3], rows: n},
		{name: "table", args: table("--format", "parquet"), codecs: all, rows: n, before: noIDs},
		{name: "table-ids", args: table("--format", "parquet"), codecs: all, rows: n},
		{
			name: "table-strict", args: table("--format", "parquet", "--on-mismatch", "dead-letter"), codecs: all[2:3], rows: 3,
			before: noIDs,
		},
		{name: "message", args: []string{"--format", "avro"}, codecs: all, rows: n, before: noNanos},
		{name: "message-ns", args: []string{"--format", "avro"}, codecs: all, rows: n},
		{name: "eventhubs", args: []string{"--format", "avro", "--record", "eventhubs"}, codecs: all[1:2], rows: n},
	}
}

// goldenMessages have the sequences from 2^53 on and times a nanosecond and more apart.
func goldenMessages() (messages []*nats.Msg) {
	const good = `"name":"Ü, \"<€>\" 😀","total":12.5,"ratio":0.1,"paid":true,` +
		`"at":"2026-11-23T16:04:05.123456789+01:00","day":"2026-11-23"`
	for i, m := range []nats.Msg{
		{Subject: "orders.eu.1", Data: []byte(`{"id":1,` + good + `,"items":[{"sku":"tiramisu","qty":2}]}`)},
		{
			Subject: "orders.eu.2",
			Data:    []byte("{\n  \"id\": 3.0,\n  \"total\": \"7.25\",\n  \"name\": null,\n  \"items\": {}\n}\n"),
		},
		{
			Subject: "orders.us.3", Header: nats.Header{"Trace-Id": {"b", "a, \"c\""}, "Empty": {""}, "raw": {"\xff"}},
			Data: []byte(`{"id":3,"name":" \n"}`),
		},
		{
			Subject: "orders",
			Data: []byte(`{"id":9223372036854775808,"total":0.005,"ratio":1e999,"paid":1,` +
				`"at":"noon","day":"2026-02-30","name":{}}`),
		},
		{
			Subject: "orders.\xff",
			Data:    []byte(`{"id":3.5,"name":"half \ud800","total":1e9,"ratio":"-0.0","items":"a\u0000b"}`),
		},
		{Subject: "orders.eu.6", Data: []byte(`plain "text", one line`)},
		{Subject: "orders.eu.7", Data: []byte("two\nlines")},
		{Subject: "orders.eu.8", Data: []byte("\xff\x00\x01")},
		{Subject: "orders.eu.9"},
	} {
		m.Sub, m.Reply = &nats.Subscription{}, fmt.Sprintf("$JS.ACK.ORDERS.c.1.%d.1.%d.0", 1<<53+i,
			1795446000000000001+1001*i)
		messages = append(messages, &m)
	}
	return messages
}

// optionsOf returns what jetcapture run makes of flags.
func optionsOf(t *testing.T, args ...string) form.Options {
	t.Helper()
	getenv := func(string) string { return "" }
	cmd := runCommand(console{io.Discard, io.Discard, getenv, nil, nil})
	must(t, cmd.ParseFlags(append([]string{"-s", "ORDERS", "-o", "x"}, args...)))
	all, err := readSettings(cmd, nil, getenv, os.ReadFile)
	must(t, err)
	return all[0].capture.captureOptions(bucket.NewMem(), nil, form.Hooks{})
}

// fileOf returns the file that a capture makes of messages, and how many rows it has.
func fileOf(t *testing.T, o form.Options, messages []*nats.Msg) (file []byte, rows int) {
	t.Helper()
	compression, err := codec.New(string(o.Compression), o.CompressionLevel)
	must(t, err)
	held, err := spool.New(spool.Config{Memory: 1 << 20})
	must(t, err)
	defer func() { must(t, held.Close()) }()
	buffer, w := held.NewBuffer(compression), o.WriterFactory()
	must(t, w.InitNew(buffer))
	for _, m := range messages {
		r, _, err := o.MessageDecoder(m)
		if err != nil {
			continue
		}
		if n, err := w.Write(r); err == nil {
			rows += n
		}
		must(t, buffer.Commit())
	}
	must(t, w.Flush())
	must(t, buffer.Commit())
	sealed, err := buffer.Seal()
	must(t, err)
	defer sealed.Discard()
	must(t, sealed.Wait(t.Context()))
	content, err := sealed.Open()
	must(t, err)
	file, err = io.ReadAll(content)
	must(t, err)
	must(t, content.Close())
	return file, rows
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestGoldenFiles(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range goldenForms() {
		var first any // what the file with the first codec holds
		for _, compression := range g.codecs {
			o := optionsOf(t, append(g.args, "--compression", compression)...)
			if g.before != nil {
				o = plannedBefore(t, o, g.before)
			}
			name := goldenName(t, g.name, compression, o)
			seen[name] = true
			file, rows := fileOf(t, o, goldenMessages())
			if rows != g.rows {
				t.Errorf("%s has %d rows, want %d", name, rows, g.rows)
			}
			held := contentOf(t, o, golden(t, name, file, compression != "none"))
			if first == nil {
				first = held
			}
			if !reflect.DeepEqual(held, first) {
				t.Errorf("%s does not hold what the file of --compression %s does:\n%v", name, g.codecs[0], held)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*"))
	must(t, err)
	for _, path := range files {
		if !seen[filepath.Base(path)] {
			t.Errorf("no flags make %s", path)
		}
	}
}

// plannedBefore returns the options under which a redo finishes the cut of a version that did not know some settings.
func plannedBefore(t *testing.T, o form.Options, unknown []string) form.Options {
	t.Helper()
	planned := cutlog.Settings{
		cutlog.SettingDecoderVersion: o.DecoderVersion, cutlog.SettingCompression: string(o.Compression),
	}
	for name, v := range o.Settings {
		if !slices.Contains(unknown, name) {
			planned.SetUser(name, v)
		}
	}
	if len(planned) != len(o.Settings)+2-len(unknown) {
		t.Fatalf("the settings %v lack one of %v", o.Settings, unknown)
	}
	then, err := form.ForPlan(o, planned, form.Hooks{})
	must(t, err)
	return then
}

// goldenName is a name with the suffixes that the files of a capture have. Those that are compressed inside say how in
// the name.
func goldenName(t *testing.T, name, compression string, o form.Options) string {
	t.Helper()
	if form.Format(o.Suffix).Packed() {
		return name + "-" + compression + "." + o.Suffix
	}
	c, err := codec.New(compression, 0)
	must(t, err)
	return strings.TrimSuffix(name+"."+o.Suffix+"."+c.Suffix(), ".")
}

// golden compares a file with the golden one, which it returns.
func golden(t *testing.T, name string, file []byte, compressed bool) (stored []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		must(t, os.WriteFile(path, file, 0o644))
	}
	stored, err := os.ReadFile(path)
	must(t, err)
	// Compressors of other processors may take other choices.
	if (!compressed || runtime.GOARCH == "amd64") && !bytes.Equal(file, stored) {
		t.Errorf("%s: the same messages give other bytes now: go test -update, and say why\n%.300q", path, file)
	}
	return stored
}

// contentOf reads a file, as text or as rows.
func contentOf(t *testing.T, o form.Options, file []byte) any {
	t.Helper()
	switch form.Format(o.Suffix) {
	case form.Parquet:
		return parquetValues(t, file)
	case form.Avro:
		return fmt.Sprint(avroRows(t, file))
	}
	c, err := codec.New(string(o.Compression), 0)
	must(t, err)
	r, err := c.NewReader(bytes.NewReader(file))
	must(t, err)
	text, err := io.ReadAll(r)
	must(t, err)
	must(t, r.Close())
	return string(text)
}

// parquetValues returns the values of the rows of a Parquet file, as they are in it.
func parquetValues(t *testing.T, b []byte) string {
	t.Helper()
	r := parquet.NewReader(bytes.NewReader(b))
	defer func() { must(t, r.Close()) }()
	rows := make([]parquet.Row, r.NumRows())
	for read := 0; read < len(rows); {
		n, err := r.ReadRows(rows[read:])
		if read += n; read < len(rows) {
			must(t, err)
		}
	}
	return fmt.Sprintf("%+v", rows)
}

// avroRows returns the rows of an Avro file.
func avroRows(t *testing.T, b []byte) (rows []map[string]any) {
	t.Helper()
	r, err := ocf.NewReader(bytes.NewReader(b))
	must(t, err)
	defer func() { must(t, r.Close()) }()
	for {
		row := map[string]any{}
		err := r.Decode(&row)
		if errors.Is(err, io.EOF) {
			return rows
		}
		must(t, err)
		rows = append(rows, row)
	}
}
