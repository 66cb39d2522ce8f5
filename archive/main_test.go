package archive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, natstest.IgnoreServer()...)
}

// objects are the objects of an archive by name, so that a test can do what no bucket can: change and remove.
type objects map[string][]byte

// read takes a copy of a bucket.
func read(t testing.TB, b bucket.Bucket) objects {
	t.Helper()
	o := objects{}
	for info, err := range b.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.Open(t.Context(), info.Name, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		o[info.Name] = data
	}
	return o
}

// bucket makes a bucket of the objects.
func (o objects) bucket(t testing.TB) *bucket.Mem {
	t.Helper()
	b := bucket.NewMem()
	for name, data := range o {
		if err := b.PutNew(context.Background(), name, bytes.NewReader(data), bucket.PutOptions{Size: -1}); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// names returns those that contain all parts, sorted.
func (o objects) names(parts ...string) (names []string) {
	for name := range o {
		has := true
		for _, part := range parts {
			has = has && strings.Contains(name, part)
		}
		if has {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// data returns the files of data whose names contain all parts.
func (o objects) data(parts ...string) (names []string) {
	for _, name := range o.names(parts...) {
		if !strings.HasPrefix(name, "_") {
			names = append(names, name)
		}
	}
	return names
}

// flip changes a byte in the middle of an object.
func (o objects) flip(name string) {
	data := bytes.Clone(o[name])
	data[len(data)/2] ^= 0x40
	o[name] = data
}

// result is what a verification found.
type result struct {
	archive.Report
	problems, notes []archive.Finding
}

// verify verifies an archive.
func verify(t testing.TB, b bucket.Bucket, opts archive.VerifyOptions) result {
	t.Helper()
	var r result
	opts.Found = func(f archive.Finding) {
		if f.Severity == archive.Problem {
			r.problems = append(r.problems, f)
		} else {
			r.notes = append(r.notes, f)
		}
	}
	var err error
	if r.Report, err = archive.Open(b).Verify(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if int(r.Problems) != len(r.problems) || int(r.Notes) != len(r.notes) {
		t.Errorf("%d problems and %d notes were counted, %d and %d reported",
			r.Problems, r.Notes, len(r.problems), len(r.notes))
	}
	return r
}

// clean fails the test if there is a problem.
func (r result) clean(t testing.TB) {
	t.Helper()
	for _, f := range r.problems {
		t.Errorf("problem: %s", f)
	}
}

// finding is what a test expects: the object, exactly, and parts of what else is said.
type finding struct {
	kind   archive.Kind
	object string
	seqs   string // as FormatSeqs writes them
	text   string // part of what is said; empty: anything
}

// expect compares findings, which may come in any order.
func expect(t testing.TB, got []archive.Finding, want ...finding) {
	t.Helper()
	rest := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(rest, func(f archive.Finding) bool {
			return f.Kind == w.kind && f.Object == w.object && archive.FormatSeqs(f.Seqs, 0) == w.seqs &&
				strings.Contains(f.String(), w.text)
		})
		if i < 0 {
			t.Errorf("no finding %+v", w)
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	for _, f := range rest {
		t.Errorf("not expected: %s", f)
	}
}

// record is the setting by which the command says how rows are made.
type record struct{ format, record string }

// captureOptions are options like those of the command: the first token of the payload's subject after "orders." is the
// key, and what is not JSON is a dead letter.
func captureOptions(b bucket.Bucket, capture string, r record) jetcapture.Options[*jetcapture.NatsMessage, string] {
	o := jetcapture.Options[*jetcapture.NatsMessage, string]{
		NATSStreamName: "ORDERS", Compression: jetcapture.GZip, Suffix: r.format, Once: true,
		Poison:         jetcapture.PoisonDeadLetter,
		DecoderVersion: "jetcapture-1", Settings: map[string]string{"format": r.format, "record": r.record},
		Archive: jetcapture.ArchiveOptions[string]{Bucket: b, Capture: capture}, Logger: slog.New(slog.DiscardHandler),
	}
	decode := jetcapture.NatsToNats(func(m *nats.Msg) string { return strings.Split(m.Subject, ".")[1] })
	o.MessageDecoder = func(m *nats.Msg) (*jetcapture.NatsMessage, string, error) {
		if strings.HasSuffix(m.Subject, ".skipped") {
			return nil, "", jetcapture.ErrSkip
		}
		if !json.Valid(m.Data) {
			return nil, "", errors.New("the payload is not JSON")
		}
		return decode(m)
	}
	o.WriterFactory = func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
		if r.format == "csv" {
			return jetcapture.NewCSVWriter([]string{"seq", "payload"}, func(m *jetcapture.NatsMessage) ([][]string, error) {
				return [][]string{{fmt.Sprint(m.Metadata.Sequence.Stream), string(m.Data)}}, nil
			})
		}
		if r.record == "payload" {
			return payloadWriter{new(lines)}
		}
		return &jetcapture.NewLineDelimitedJSON[*jetcapture.NatsMessage]{}
	}
	return o
}

// payloadWriter writes payloads, each on a line.
type payloadWriter struct{ *lines }

type lines struct{ io.Writer }

func (l *lines) InitNew(w io.Writer) error { l.Writer = w; return nil }
func (l *lines) Flush() error              { return nil }

func (w payloadWriter) Write(m *jetcapture.NatsMessage) (int, error) {
	var line bytes.Buffer
	if !bytes.ContainsAny(m.Data, "\r\n") {
		line.Write(m.Data)
	} else if err := json.Compact(&line, m.Data); err != nil {
		return 0, err
	}
	line.WriteByte('\n')
	_, err := line.WriteTo(w.lines)
	return 1, err
}

// capture captures what the stream holds.
func capture(t testing.TB, nc *nats.Conn, o jetcapture.Options[*jetcapture.NatsMessage, string]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := o.Build().Run(ctx, nc); err != nil {
		t.Fatal(err)
	}
}

// ordersStream starts a server with an empty stream ORDERS.
func ordersStream(t testing.TB) (*natstest.Server, *nats.Conn) {
	t.Helper()
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS"})
	return s, nc
}

// publish adds n messages. Every 10th is not JSON, every 25th is skipped, from the second on; headers come with every
// 3rd.
func publish(t testing.TB, nc *nats.Conn, n int) {
	t.Helper()
	natstest.Publish(t, nc, n, func(i int) *nats.Msg {
		m := &nats.Msg{Subject: fmt.Sprintf("orders.%d.new", i%3), Data: []byte(fmt.Sprintf(`{"order":%d}`, i))}
		switch {
		case i%10 == 9:
			m.Data = []byte("not JSON")
		case i%25 == 1:
			m.Subject = "orders.0.skipped"
		}
		if i%3 == 0 {
			m.Header = nats.Header{"Trace-Id": {fmt.Sprint(i)}, "b": {"2", "1"}}
		}
		return m
	})
}

// realArchive is an archive that two captures of one stream have made, in three cuts of 100 messages each: ORDERS of
// whole messages, and table, whose rows are CSV.
func realArchive(t testing.TB) objects {
	t.Helper()
	_, nc := ordersStream(t)
	b := bucket.NewMem()
	for range 3 {
		publish(t, nc, 100)
		capture(t, nc, captureOptions(b, "ORDERS", record{"ndjson", "message"}))
		capture(t, nc, captureOptions(b, "table", record{"csv", ""}))
	}
	return read(t, b)
}

// gunzip unpacks.
func gunzip(t testing.TB, data []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func gzipped(plain []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(plain)
	_ = w.Close()
	return b.Bytes()
}
