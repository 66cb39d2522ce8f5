package storetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/storetest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The benchmarks are measurements. Each has a target, and fails if it misses that. They need a machine that does
// nothing else:
//
//	make bench-stores

// zeros is a body that takes no time to make.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// uploadOrder is the order for an upload child.
type uploadOrder struct {
	URL  string
	Size int64
}

// uploadChild puts one object of a size.
func uploadChild(text string) error {
	var order uploadOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		return err
	}
	b, err := storetest.TryOpen(context.Background(), order.URL, cloud.Options{})
	if err != nil {
		return err
	}
	err = b.PutNew(context.Background(), "large", io.LimitReader(zeros{}, order.Size), bucket.PutOptions{Size: order.Size})
	return errors.Join(err, b.Close())
}

// BenchmarkUpload2GB puts one object of 2 GB in a process of its own, which must stay below 200 MB resident. (It leaves
// out GCS, because the emulator keeps its objects in memory and copies them.)
func BenchmarkUpload2GB(b *testing.B) {
	const size, most = int64(2_000_000_000), 200
	for _, kind := range slices.DeleteFunc(kinds(), func(k storetest.Kind) bool { return k == storetest.GCS }) {
		b.Run(string(kind), func(b *testing.B) {
			server := storetest.Start(b, kind)
			for range b.N {
				order, err := json.Marshal(uploadOrder{URL: server.NewBucket(b), Size: size})
				if err != nil {
					b.Fatal(err)
				}
				cmd := exec.CommandContext(b.Context(), os.Args[0])
				cmd.Env = append(os.Environ(), childEnv+"=upload", orderEnv+"="+string(order))
				start := time.Now()
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				b.ReportMetric(float64(size)/1e6/time.Since(start).Seconds(), "MB/s")
				peak := float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1000 // it counts in KiB on Linux
				b.ReportMetric(peak, "peak-MB")
				if peak >= most {
					b.Errorf("%.0f MB were resident, want less than %d", peak, most)
				}
			}
		})
	}
}

// BenchmarkSmallBlocks stores 2,000 blocks of one cut through 20 ms of latency, one after the other and then as a
// capture does by default, which must be five times as fast.
func BenchmarkSmallBlocks(b *testing.B) {
	const blocks, least = 2000, 5
	server, proxy := storetest.StartBehind(b, storetest.S3, func(p *storetest.Proxy) { p.Latency = 20 * time.Millisecond })
	url := server.Through(server.NewBucket(b), proxy)
	source := natstest.Start(b)
	publish(b, source, blocks,
		func(i int) *nats.Msg { return &nats.Msg{Subject: fmt.Sprintf("s.%d", i), Data: []byte(`{"n":1}`)} })
	for range b.N {
		serial := captureTime(b, source, url, 1)
		parallel := captureTime(b, source, url, 0)
		b.ReportMetric(serial.Seconds(), "s-serial")
		b.ReportMetric(parallel.Seconds(), "s-parallel")
		ratio := serial.Seconds() / parallel.Seconds()
		b.ReportMetric(ratio, "times-as-fast")
		if ratio < least {
			b.Errorf("it is %.1f times as fast as one after another, want %d", ratio, least)
		}
	}
}

// publish makes the stream and its messages.
func publish(b *testing.B, server *natstest.Server, n int, message func(i int) *nats.Msg) {
	b.Helper()
	nc := server.Connect()
	natstest.CreateStream(b, nc,
		jetstream.StreamConfig{Name: stream, Subjects: []string{"s.>"}, Storage: jetstream.FileStorage})
	natstest.Publish(b, nc, n, message)
}

// captureTime captures the stream with a new capture and returns how long that took.
func captureTime(b *testing.B, server *natstest.Server, url string, workers int) time.Duration {
	b.Helper()
	o := options(storetest.Open(b, url, cloud.Options{}), b.TempDir(), slog.New(slog.DiscardHandler))
	o.MaxMessages, o.StoreWorkers, o.Archive.Capture = 0, workers, fmt.Sprintf("workers-%d", workers)
	start := time.Now()
	if err := o.Build().Run(b.Context(), server.Connect()); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// BenchmarkMillion captures 1,000,000 messages of 180 bytes with 4 keys as NDJSON, zstd, to a local directory and to S3
// in turn, each time by a process of the command: to S3 it must go at 0.9 of the local rate, in the median of the
// rounds.
func BenchmarkMillion(b *testing.B) {
	const messages, size, rounds, least = 1_000_000, 180, 5, 0.9
	server, s3 := natstest.Start(b), storetest.Start(b, storetest.S3)
	publish(b, server, messages, func(i int) *nats.Msg {
		data := fmt.Sprintf(`{"n":%d,"order":"%016x","customer":"%08x","status":"shipped","total":%d.%02d,"currency":"EUR",`,
			i, uint64(i)*0x9e3779b97f4a7c15, i%50_000, i%997, i%100)
		return &nats.Msg{
			Subject: fmt.Sprintf("s.%d", i%4),
			Data:    fmt.Appendf([]byte(data), `"note":"%0*d"}`, size-len(data)-len(`"note":""}`), i),
		}
	})
	command := buildCommand(b)
	for range b.N {
		var local, remote, ratios []float64
		for range rounds {
			l := commandRate(b, command, server, b.TempDir(), messages)
			r := commandRate(b, command, server, s3.NewBucket(b), messages)
			local, remote, ratios = append(local, l), append(remote, r), append(ratios, r/l)
		}
		slices.Sort(ratios)
		b.ReportMetric(median(local), "local-msg/s")
		b.ReportMetric(median(remote), "s3-msg/s")
		b.ReportMetric(median(ratios), "of-local")
		b.Logf("of the local rate, by round: %.2f", ratios)
		if got := median(ratios); got < least {
			b.Errorf("to S3 it goes at %.2f of the local rate, want %.2f", got, least)
		}
	}
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// commandRate returns how many messages a second the command captures.
func commandRate(b *testing.B, command string, server *natstest.Server, place string, messages int) float64 {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), command, "run", "--once", "-s", stream, "-o", place, "--nats-server",
		server.URL(),
		"--key", "subject[2]", "--compression", "zstd", "--log-level", "error")
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return float64(messages) / time.Since(start).Seconds()
}
