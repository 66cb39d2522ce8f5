//go:build unix

package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/parallel"
)

// BenchmarkLeases is what the leases of 3,000 tasks cost with three servers and one worker, all in this process. It
// takes a minute:
//
//	go test ./internal/fleet -run '^$' -bench Leases -benchtime 1x
func BenchmarkLeases(b *testing.B) {
	const tasks = 3000
	cluster := natstest.StartCluster(b, 3)
	f, err := New(cluster.Connect(), "", "")
	if err != nil {
		b.Fatal(err)
	}
	var made Made
	natstest.Eventually(b, patience, "a fleet", func() bool {
		made, err = f.Init(b.Context(), Config{Replicas: 3})
		return err == nil // the leader knows all servers
	})
	if err == nil {
		err = parallel.Each(b.Context(), requestsAtOnce, tasks, func(ctx context.Context, i int) error {
			_, err := f.Apply(ctx, Task{Name: fmt.Sprintf("task-%04d", i), Body: []byte("1")})
			return err
		})
	}
	if err != nil {
		b.Fatal(err)
	}
	floor := newFloor()
	w := NewWorker(f, WorkerConfig{ID: "w", Runner: floor.on("w"), Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(b.Context())
	var worker sync.WaitGroup
	began := time.Now()
	worker.Go(func() {
		if err := w.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	defer worker.Wait()
	defer cancel()
	natstest.Eventually(b, patience, "all tasks at the worker", func() bool { return floor.count("w") == tasks })
	taken := time.Since(began)
	for b.Loop() {
		messages, cpu := traffic(cluster), processorTime(b)
		<-time.After(made.Lease) // what is measured
		b.ReportMetric(float64(traffic(cluster)-messages)/made.Lease.Seconds(), "messages/s")
		b.ReportMetric(100*(processorTime(b)-cpu).Seconds()/made.Lease.Seconds(), "%-of-a-core")
		b.ReportMetric(taken.Seconds(), "s-to-take-all")
	}
}

// traffic is how many messages the servers have got, from clients and from each other.
func traffic(c *natstest.Cluster) (n int64) {
	for _, s := range c.Servers {
		if v, err := s.Running().Varz(nil); err == nil {
			n += v.InMsgs
		}
	}
	return n
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
