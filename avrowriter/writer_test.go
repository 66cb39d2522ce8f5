package avrowriter_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/avrowriter"
	"github.com/twmb/avro/ocf"
)

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

// layouts are the two writers, and what their records are.
func layouts(t testing.TB, o avrowriter.Options) map[string]struct {
	w      writer
	expect func(*avrowriter.Message) any
} {
	micros := o
	micros.OmitTimeNS = true
	return map[string]struct {
		w      writer
		expect func(*avrowriter.Message) any
	}{
		"messages":    {newMessageWriter(t, micros), expectMicros},
		"messages-ns": {newMessageWriter(t, o), expectMessage},
		"eventhubs":   {newEventHubsWriter(t, o), expectEvent},
	}
}

func check(t testing.TB, file []byte, expect func(*avrowriter.Message) any, messages ...*avrowriter.Message) {
	t.Helper()
	records, _ := read(t, file)
	if len(records) != len(messages) {
		t.Fatalf("%d records of %d messages", len(records), len(messages))
	}
	for i, m := range messages {
		if want := expect(m); !reflect.DeepEqual(records[i], want) {
			t.Errorf("message %d:\n got %.800s\nwant %.800s", i, fmt.Sprint(records[i]), fmt.Sprint(want))
		}
	}
}

func TestMessagesComeBack(t *testing.T) {
	huge := &avrowriter.Message{Stream: "ORDERS", Seq: 1, Payload: []byte(strings.Repeat("0123456789", 300_000))}
	for _, compression := range compressions {
		for name, l := range layouts(t, avrowriter.Options{Compression: compression, BlockBytes: 3000}) {
			t.Run(compression+"/"+name, func(t *testing.T) {
				check(t, write(t, l.w, hostileMessages()...), l.expect, hostileMessages()...)
				check(t, write(t, l.w, huge), l.expect, huge)
				check(t, write(t, l.w), l.expect)
			})
		}
	}
}

func TestSameMessagesSameBytes(t *testing.T) {
	o := avrowriter.Options{Metadata: map[string]string{"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}}
	for range 5 {
		first, second := layouts(t, o), layouts(t, o)
		for name, l := range first {
			again := hostileMessages()
			for _, m := range again {
				m.Header = maps.Clone(m.Header)
			}
			file := write(t, l.w, hostileMessages()...)
			if !bytes.Equal(write(t, l.w, again...), file) || !bytes.Equal(write(t, second[name].w, again...), file) {
				t.Errorf("%s: the same messages give other bytes", name)
			}
			if bytes.Equal(marker(write(t, l.w, again[1:]...)), marker(file)) {
				t.Errorf("%s: other messages, the same sync marker", name)
			}
		}
	}
}

// marker is the last 16 bytes of a file with a block.
func marker(file []byte) []byte { return file[len(file)-16:] }

func TestWritersShareCompressorsInManyGoroutines(t *testing.T) {
	for _, compression := range compressions {
		w := newMessageWriter(t, avrowriter.Options{Compression: compression, BlockBytes: 500})
		e := newEventHubsWriter(t, avrowriter.Options{Compression: compression})
		want, wantEvents := write(t, w, hostileMessages()...), write(t, e, hostileMessages()...)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 5 {
					if !bytes.Equal(write(t, w.New(), hostileMessages()...), want) ||
						!bytes.Equal(write(t, e.New(), hostileMessages()...), wantEvents) {
						t.Error("other bytes")
					}
				}
			})
		}
		all.Wait()
	}
}

func TestFileSaysWhereItComesFrom(t *testing.T) {
	w := newMessageWriter(t, avrowriter.Options{Compression: "zstd", Metadata: map[string]string{"owner": "me"}})
	want := map[string]string{
		"owner": "me", "jetcapture.writer": "avrowriter/2", "jetcapture.stream": "ORDERS", "jetcapture.first_sequence": "10",
		"avro.codec": "zstandard", "avro.schema": avrowriter.MessageSchema,
	}
	metadataIs(t, write(t, w, hostileMessages()...), want)
	delete(want, "jetcapture.stream")
	delete(want, "jetcapture.first_sequence")
	metadataIs(t, write(t, w), want)
}

func metadataIs(t *testing.T, file []byte, want map[string]string) {
	t.Helper()
	_, metadata := read(t, file)
	got := map[string]string{}
	for key, value := range metadata {
		got[key] = string(value)
	}
	if !maps.Equal(got, want) {
		t.Errorf("metadata %v, want %v", got, want)
	}
}

func TestBlocksAreBounded(t *testing.T) {
	messages := make([]*avrowriter.Message, 100)
	for i := range messages {
		messages[i] = &avrowriter.Message{Stream: "S", Seq: uint64(i + 1), Subject: "a", Payload: make([]byte, 1000)}
	}
	file := write(t, newMessageWriter(t, avrowriter.Options{Compression: "none", BlockBytes: 10_000}), messages...)
	if n := bytes.Count(file, marker(file)); n != 11 { // one is the header's
		t.Errorf("%d markers, want 11", n)
	}
}

func TestFailedWriteLeavesNoRow(t *testing.T) {
	good := hostileMessages()
	for name, l := range layouts(t, avrowriter.Options{}) {
		var out bytes.Buffer
		if err := l.w.InitNew(&out); err != nil {
			t.Fatal(err)
		}
		for _, m := range []*avrowriter.Message{
			{Seq: math.MaxInt64 + 1},
			{Seq: 1, Time: time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC)},
			{Seq: 1, Time: time.Date(-300_000, 1, 1, 0, 0, 0, 0, time.UTC)},
		} {
			if n, err := l.w.Write(m); n != 0 || err == nil {
				t.Errorf("%s: %+v: %d rows, %v", name, m, n, err)
			}
			if n, err := l.w.Write(good[0]); n != 1 || err != nil {
				t.Errorf("%s: %d rows, %v", name, n, err)
			}
		}
		if err := l.w.Flush(); err != nil {
			t.Fatal(err)
		}
		check(t, out.Bytes(), l.expect, good[0], good[0], good[0])
	}
}

var errFull = errors.New("disk is full")

type fullAfter int

func (n *fullAfter) Write(p []byte) (int, error) {
	if *n -= fullAfter(len(p)); *n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestFailedOutputLosesTheFile(t *testing.T) {
	for name, l := range layouts(t, avrowriter.Options{Compression: "none", BlockBytes: 1}) {
		for space := range 20 {
			out := fullAfter(space * 800)
			if err := l.w.InitNew(&out); err != nil {
				t.Fatal(err)
			}
			var failed error
			for _, m := range hostileMessages() {
				n, err := l.w.Write(m)
				if failed != nil && err == nil || err != nil && (n != 0 || !errors.Is(err, errFull)) {
					t.Fatalf("%s: %d rows, %v after %v", name, n, err, failed)
				}
				failed = err
			}
			if err := l.w.Flush(); (out < 0) != errors.Is(err, errFull) {
				t.Errorf("%s: left %d: Flush says %v", name, out, err)
			}
			check(t, write(t, l.w, hostileMessages()...), l.expect, hostileMessages()...) // the next file is whole
		}
	}
}

func TestOrderOfCalls(t *testing.T) {
	for name, l := range layouts(t, avrowriter.Options{}) {
		if _, err := l.w.Write(hostileMessages()[0]); err == nil {
			t.Errorf("%s: Write before InitNew", name)
		}
		if err := l.w.Flush(); err == nil {
			t.Errorf("%s: Flush before InitNew", name)
		}
		write(t, l.w)
		if err := l.w.Flush(); err == nil {
			t.Errorf("%s: a second Flush", name)
		}
		if !l.w.Buffered() {
			t.Errorf("%s keeps rows back, and says that it does not", name)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	for want, o := range map[string]avrowriter.Options{
		`unknown compression "xz"`: {Compression: "xz"},
		"level 10 of deflate":      {Level: 10},
		"level 23 of zstd":         {Compression: "zstd", Level: 23},
		"snappy, which has no":     {Compression: "snappy", Level: 1},
		"none, which has no":       {Compression: "none", Level: 1},
		"blocks of -1 bytes":       {BlockBytes: -1},
		`"avro.codec" is reserved`: {Metadata: map[string]string{"avro.codec": "x"}},
		`"jetcapture.stream" is`:   {Metadata: map[string]string{"jetcapture.stream": "x"}},
		"must be valid UTF-8":      {Metadata: map[string]string{"a": "\xff"}},
		"the key must not be":      {Metadata: map[string]string{"": ""}},
	} {
		if _, err := avrowriter.NewMessageWriter(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
		if _, err := avrowriter.NewEventHubsWriter(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}

// The golden files are the promise of docs/FORMATS.md: later versions read them, and write them again byte for byte. A
// commit that changes them says why and raises the version of the layout.
var update = flag.Bool("update", false, "write the golden files again")

func TestGoldenFiles(t *testing.T) {
	for _, compression := range compressions {
		for name, l := range layouts(t, avrowriter.Options{Compression: compression}) {
			path := filepath.Join("testdata", name+"-"+compression+".avro")
			file := write(t, l.w, hostileMessages()...)
			if *update {
				if err := os.WriteFile(path, file, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			stored, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			check(t, stored, l.expect, hostileMessages()...)
			// Compressors of other processors may take other choices.
			if runtime.GOARCH == "amd64" && !bytes.Equal(file, stored) {
				t.Errorf("%s: the same messages give other bytes now: go test -update, and say why", path)
			}
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("a.b", "Name", "value", "Other", []byte(`{"a":1}`), uint64(1), int64(0))
	f.Add("\xff", "\xff", "\x80", "\xfe", []byte("\x00"), uint64(math.MaxUint64), int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, subject, name, value, other string, payload []byte, seq uint64, nanos int64) {
		m := &avrowriter.Message{
			Stream: "S", Seq: seq & math.MaxInt64, Time: time.Unix(0, nanos), Subject: subject, Payload: payload,
			Header: map[string][]string{name: {value, other}, other: {value}},
		}
		for _, l := range layouts(t, avrowriter.Options{Compression: "none"}) {
			check(t, write(t, l.w, m, m), l.expect, m, m)
		}
	})
}

func BenchmarkMessages(b *testing.B) {
	m := &avrowriter.Message{
		Stream: "ORDERS", Time: time.Unix(1_790_000_000, 1_234_567), Subject: "orders.eu.17",
		Header: map[string][]string{"Nats-Msg-Id": {"0123456789abcdef"}},
	}
	for _, compression := range compressions {
		for name, l := range layouts(b, avrowriter.Options{Compression: compression}) {
			b.Run(compression+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				if err := l.w.InitNew(io.Discard); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					m.Seq++
					m.Payload = fmt.Appendf(m.Payload[:0],
						`{"id":%d,"customer":"c%06d","amount":%d.%02d,"currency":"EUR","note":"leave at the door"}`,
						m.Seq, m.Seq*7919%1_000_000, m.Seq%500, m.Seq%100)
					if _, err := l.w.Write(m); err != nil {
						b.Fatal(err)
					}
				}
				if err := l.w.Flush(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// The library's own encoder agrees with ours on every record that has no map of several entries, whose order it leaves
// to Go.
func TestEncodingIsTheLibrarys(t *testing.T) {
	for _, m := range hostileMessages() {
		if len(m.Header) > 1 {
			continue
		}
		file := write(t, newMessageWriter(t, avrowriter.Options{Compression: "none"}), m)
		r, err := ocf.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		want, err := r.Schema().AppendEncode(nil, expectMessage(m))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(file, want) {
			t.Errorf("sequence %d is not encoded as the library does", m.Seq)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
