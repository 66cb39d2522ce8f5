package jetcapture

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// firstHour is the start of an hour, in nanoseconds since 1970.
const firstHour = 1_699_999_200_000_000_000

// scripted is a reader that delivers n messages over some subjects, as fast as they are taken.
type scripted struct {
	n, next  uint64
	subjects []string
	payload  []byte
	apart    int64 // nanoseconds between two messages
}

func (s *scripted) Next(ctx context.Context) (reader.Batch, error) {
	if s.next == s.n {
		<-ctx.Done()
		return reader.Batch{}, ctx.Err()
	}
	b := reader.Batch{Messages: make([]reader.Message, 0, 512)}
	msgs := make([]nats.Msg, 512)
	for i := 0; i < 512 && s.next < s.n; i++ {
		s.next++
		msgs[i] = nats.Msg{Subject: s.subjects[s.next%uint64(len(s.subjects))], Data: s.payload, Sub: unboundSub}
		b.Messages = append(b.Messages, reader.Message{
			Msg: &msgs[i], Seq: s.next, Time: firstHour + int64(s.next-1)*s.apart, Size: 200,
		})
	}
	b.Through, b.Pending = s.next, s.n-s.next
	return b, nil
}
func (s *scripted) Check(context.Context, *engine.Cut) error { return nil }
func (s *scripted) Ordered() bool                            { return true }
func (s *scripted) Repeated(*reader.Message) bool            { return false }
func (s *scripted) AcksNear(time.Time) (string, bool)        { return "", false }
func (s *scripted) Unacked() (n, limit int)                  { return 0, 0 }
func (s *scripted) Bound()                                   {}
func (s *scripted) Detach()                                  {}
func (s *scripted) Settle(context.Context) error             { return nil }
func (s *scripted) Close(context.Context) error              { return nil }
func (s *scripted) Commit(context.Context, *capture.Sealed) (capture.Committed, error) {
	return capture.Committed{}, nil
}

// discarding is a promise that reads from a scripted reader and stores nothing.
type discarding struct{ rd *scripted }

func (d discarding) Open(context.Context) (capture.Opened, error) {
	return capture.Opened{Reading: d.rd, Last: d.rd.n}, nil
}
func (d discarding) Close() error                   { return nil }
func (d discarding) Diverged(*reader.DivergedError) {}

var unboundSub = &nats.Subscription{}

var newline = []byte{'\n'}

// lineWriter writes a payload as a line.
type lineWriter struct{ out io.Writer }

func (w *lineWriter) InitNew(out io.Writer) error { w.out = out; return nil }
func (w *lineWriter) Write(m *nats.Msg) (int, error) {
	if _, err := w.out.Write(m.Data); err != nil {
		return 0, err
	}
	_, err := w.out.Write(newline)
	return 1, err
}
func (w *lineWriter) Flush() error { return nil }

// BenchmarkCapture measures the way of a message from the reader to a compressed frame, without a server and a store.
func BenchmarkCapture(b *testing.B) {
	for _, keys := range []int{4, 5000, 100_000} {
		for _, codec := range []Compression{None, GZip, Zstd} {
			b.Run(fmt.Sprintf("keys=%d/%s", keys, codec), func(b *testing.B) { benchmarkCapture(b, keys, codec) })
		}
	}
}

// BenchmarkCounters measures what a message costs the counters.
func BenchmarkCounters(b *testing.B) {
	var c counters
	c.count(capture.Began{})
	e := capture.Taken{Messages: make([]reader.Message, 512), Blocks: 1, Ordered: true}
	for n := 0; b.Loop(); n++ {
		if n%len(e.Messages) > 0 {
			continue
		}
		for i := range e.Messages {
			e.Messages[i] = reader.Message{Seq: uint64(n + i + 1), Time: int64(n + i + 1), Size: 200}
		}
		c.count(e)
	}
}

func benchmarkCapture(b *testing.B, keys int, codec Compression) {
	payload := []byte(`{"id":4711,"customer":"c-815","items":[{"sku":"margherita","n":2},{"sku":"cola","n":1}],` +
		`"store":"s-17","total":2350,"currency":"EUR","note":"no onions, please ring twice","ok":true}`)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	r := scriptedRun(b, codec)
	b.ResetTimer()
	promise := discarding{&scripted{n: uint64(b.N), subjects: subjects(keys), payload: payload, apart: 1}}
	if err := r.Live(context.Background(), promise); err != nil {
		b.Fatal(err)
	}
}

// subjects returns n subjects.
func subjects(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("orders.%d", i)
	}
	return all
}

// scriptedRun returns a run with windows of an hour, which needs no server. Each subject is a key.
func scriptedRun(t testing.TB, codec Compression) *capture.Run {
	o := Options[*nats.Msg, string]{
		NATSStreamName: "S", Logger: slog.New(slog.DiscardHandler), Compression: codec, Suffix: "ndjson", Once: true,
		BufferToDisk: true, TempDir: t.TempDir(), MaxAge: time.Hour,
		MessageDecoder: func(m *nats.Msg) (*nats.Msg, string, error) { return m, m.Subject, nil },
		WriterFactory:  func() FormattedDataWriter[*nats.Msg] { return &lineWriter{} },
		Archive:        ArchiveOptions[string]{Bucket: bucket.NewMem()},
	}
	o = o.withDefaults()
	nc := &nats.Conn{}
	r, err := capture.New(nc, reader.NewSource(nc, "", "S"), o.config(), o.report(&counters{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}
