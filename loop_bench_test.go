package jetcapture

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// scripted is a reader that delivers n messages over some subjects, as fast as they are taken.
type scripted struct {
	n, next  uint64
	subjects []string
	payload  []byte
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
		b.Messages = append(b.Messages, reader.Message{Msg: &msgs[i], Seq: s.next, Time: 1_700_000_000_000_000_000 + int64(s.next), Size: 200})
	}
	b.Through, b.Pending = s.next, s.n-s.next
	return b, nil
}
func (s *scripted) Check(context.Context) error                       { return nil }
func (s *scripted) Reposition(context.Context, reader.Position) error { return nil }
func (s *scripted) Ack(context.Context, uint64) error                 { return nil }
func (s *scripted) Close(context.Context) error                       { return nil }

// discarding is a keeper that reads from a scripted reader and stores nothing.
type discarding[P Payload, K DestKey] struct{ rd reader.Reader }

func (d discarding[P, K]) open(context.Context) (opened, error) {
	return opened{rd: d.rd, last: d.rd.(*scripted).n}, nil
}
func (d discarding[P, K]) check(context.Context, reader.Reader) error { return nil }
func (d discarding[P, K]) commit(context.Context, reader.Reader, *sealedCut[P, K]) error {
	return nil
}
func (d discarding[P, K]) settle(context.Context) error { return nil }

func (d discarding[P, K]) close() error                   { return nil }
func (d discarding[P, K]) diverged(*reader.DivergedError) {}

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

// BenchmarkCapture is the way of a message from the reader to a compressed frame, without server and store.
func BenchmarkCapture(b *testing.B) {
	for _, keys := range []int{4, 5000, 100_000} {
		for _, codec := range []Compression{None, GZip, Zstd} {
			b.Run(fmt.Sprintf("keys=%d/%s", keys, codec), func(b *testing.B) { benchmarkCapture(b, keys, codec) })
		}
	}
}

func benchmarkCapture(b *testing.B, keys int, codec Compression) {
	subjects := make([]string, keys)
	for i := range subjects {
		subjects[i] = fmt.Sprintf("orders.%d", i)
	}
	o := Options[*nats.Msg, string]{
		NATSStreamName: "S", Logger: slog.New(slog.DiscardHandler), Compression: codec, Suffix: "ndjson", Once: true,
		BufferToDisk: true, TempDir: b.TempDir(), MaxAge: time.Hour,
		MessageDecoder: func(m *nats.Msg) (*nats.Msg, string, error) { return m, m.Subject, nil },
		WriterFactory:  func() FormattedDataWriter[*nats.Msg] { return &lineWriter{} },
		Archive:        Archive[string]{Bucket: bucket.NewMem()},
	}
	payload := []byte(`{"id":4711,"customer":"c-815","items":[{"sku":"margherita","n":2},{"sku":"cola","n":1}],"store":"s-17",` +
		`"total":2350,"currency":"EUR","note":"no onions, please ring twice","ok":true}`)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	c := New(o)
	r, err := c.newRun(&nats.Conn{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.spool.Close()
	b.ResetTimer()
	if err := r.lives(context.Background(), discarding[*nats.Msg, string]{&scripted{n: uint64(b.N), subjects: subjects, payload: payload}}); err != nil {
		b.Fatal(err)
	}
}
