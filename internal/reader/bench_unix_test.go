//go:build unix

package reader_test

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const benchMessages = 300_000

func benchStream(b *testing.B) *nats.Conn {
	s := natstest.Start(b)
	nc := s.Connect()
	natstest.CreateStream(b, nc, jetstream.StreamConfig{Name: "S", Storage: jetstream.MemoryStorage})
	body := make([]byte, 190)
	natstest.Publish(b, nc, benchMessages, func(int) *nats.Msg { return &nats.Msg{Subject: "s.a", Data: body} })
	return s.Connect()
}

// cpu reports the processor time of the whole process, server included, a message: unlike the wall clock it says
// something on a busy machine. Call the result when the benchmark ends.
func cpu(b *testing.B) func() {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N)/benchMessages, "cpu-ns/msg") }
}

// BenchmarkOrdered and BenchmarkOrderedConsumer read the same stream with our reader and with nats.go's
// OrderedConsumer.
func BenchmarkOrdered(b *testing.B) {
	nc := benchStream(b)
	b.SetBytes(benchMessages * 190)
	defer cpu(b)()
	for b.Loop() {
		r, err := reader.OpenOrdered(context.Background(), reader.NewSource(nc, "", "S"), reader.OrderedConfig{Name: "c"},
			reader.Position{})
		if err != nil {
			b.Fatal(err)
		}
		for n := 0; n < benchMessages; {
			batch, err := r.Next(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			n += len(batch.Messages)
		}
		if err := r.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDurable(b *testing.B) {
	nc := benchStream(b)
	b.SetBytes(benchMessages * 190)
	defer cpu(b)()
	for b.Loop() {
		cfg := reader.DurableConfig{Name: "D", Create: true}
		r, err := reader.OpenDurable(context.Background(), reader.NewSource(nc, "", "S"), cfg, reader.Position{})
		if err != nil {
			b.Fatal(err)
		}
		for n := 0; n < benchMessages; {
			batch, err := r.Next(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			n += len(batch.Messages)
		}
		if err := r.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOrderedConsumer(b *testing.B) {
	nc := benchStream(b)
	js := natstest.JetStream(b, nc)
	b.SetBytes(benchMessages * 190)
	defer cpu(b)()
	for b.Loop() {
		c, err := js.OrderedConsumer(context.Background(), "S", jetstream.OrderedConsumerConfig{})
		if err != nil {
			b.Fatal(err)
		}
		var n atomic.Int64
		done := make(chan struct{})
		cc, err := c.Consume(func(jetstream.Msg) {
			if n.Add(1) == benchMessages {
				close(done)
			}
		}, jetstream.PullMaxBytes(16<<20))
		if err != nil {
			b.Fatal(err)
		}
		<-done
		cc.Stop()
	}
}
