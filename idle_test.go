package jetcapture_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/pprof"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// goroutinesOf counts the goroutines that run code of this module.
func goroutinesOf(t *testing.T) (n int) {
	t.Helper()
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 2); err != nil {
		t.Fatal(err)
	}
	for one := range bytes.SplitSeq(all.Bytes(), []byte("\n\n")) {
		if bytes.Contains(one, []byte("github.com/jetcapture/jetcapture/internal/capture.")) ||
			bytes.Contains(one, []byte("github.com/jetcapture/jetcapture.watch")) ||
			bytes.Contains(one, []byte("github.com/jetcapture/jetcapture/internal/spool.")) {
			n++
		}
	}
	return n
}

// heap is what the garbage collector leaves.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Captures of quiet streams that share a budget and a connection cost three goroutines each and little memory. What the
// server holds for their consumers is in the sum, since it runs in this process.
func TestIdleCapturesCostLittle(t *testing.T) { //nolint:paralleltest // it measures the process
	const n, goroutines, bytesEach = 200, 3, 200 << 10
	server := natstest.Start(t)
	nc := server.Connect()
	for i := range n {
		name := fmt.Sprint("I", i)
		natstest.CreateStream(t, nc, jetstream.StreamConfig{
			Name: name, Subjects: []string{name + ".>"}, Storage: jetstream.MemoryStorage,
		})
		natstest.Publish(t, nc, 10, func(int) *nats.Msg { return nats.NewMsg(name + ".a") })
	}
	r := &rig{t: t, server: server, nc: nc, bucket: bucket.NewMem()}
	budget := jetcapture.NewBudget(0, 0, 0)
	before, others := heap(), goroutinesOf(t)
	all := make([]*running, n)
	for i := range all {
		all[i] = start(r, nc, with(r.continuous(), func(o *options) {
			o.NATSStreamName, o.Archive.Instance, o.Budget = fmt.Sprint("I", i), "", budget
			o.Logger, o.DecodeWorkers = slog.New(slog.DiscardHandler), 4
		}))
	}
	for _, c := range all {
		c.untilRead(10)
	}
	natstest.Eventually(t, patience, "rest", func() bool { return goroutinesOf(t)-others <= goroutines*n })
	natstest.Eventually(t, patience, "little memory", func() bool { return heap()-before <= bytesEach*n })
	t.Logf("%d goroutines and %d bytes for each of %d captures", (goroutinesOf(t)-others)/n, (heap()-before)/n, n)
	for _, c := range all {
		c.stop()
	}
	for _, c := range all {
		if err := c.end(); err != nil {
			t.Error(err)
		}
	}
}
