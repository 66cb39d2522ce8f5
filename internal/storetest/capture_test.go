package storetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/jetcapture/jetcapture/internal/storetest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// patience bounds a capture through faults on a busy machine.
const patience = 4 * time.Minute

const stream = "S"

// source is a server with a stream. It knows every message of the stream.
type source struct {
	t    *testing.T
	url  string
	nc   *nats.Conn
	held []oracle.Message
}

func newSource(t *testing.T) *source {
	t.Helper()
	server := natstest.Start(t)
	s := &source{t: t, url: server.URL(), nc: server.Connect()}
	natstest.CreateStream(t, s.nc,
		jetstream.StreamConfig{Name: stream, Subjects: []string{"s.>"}, Storage: jetstream.MemoryStorage})
	return s
}

// publish stores n messages, in turn on some subjects.
func (s *source) publish(n, subjects int) {
	s.t.Helper()
	first := len(s.held)
	natstest.Publish(s.t, s.nc, n, func(i int) *nats.Msg {
		m := oracle.Message{
			Seq: uint64(first + i + 1), Subject: fmt.Sprintf("s.%d", i%subjects), Data: fmt.Appendf(nil, `{"n":%d}`, first+i),
		}
		s.held = append(s.held, m)
		return &nats.Msg{Subject: m.Subject, Data: m.Data}
	})
}

// options returns options that capture whole messages, grouped by subject, in small cuts.
func options(b bucket.Bucket, tmp string, log *slog.Logger) jetcapture.Options[*jetcapture.NatsMessage, string] {
	return jetcapture.Options[*jetcapture.NatsMessage, string]{
		NATSStreamName: stream, Compression: jetcapture.Zstd, Suffix: "ndjson", MaxAge: time.Hour, MaxMessages: 40,
		MessageDecoder: jetcapture.NatsToNats(jetcapture.SubjectToDestKey),
		WriterFactory: func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
			return &jetcapture.NewLineDelimitedJSON[*jetcapture.NatsMessage]{}
		},
		Archive:  jetcapture.ArchiveOptions[string]{Bucket: b, Instance: "one"},
		Settings: map[string]string{"format": "ndjson"},
		Once:     true, Logger: log, TempDir: tmp, BufferToDisk: true,
	}
}

// judge reads an archive back and compares it with what the stream held.
func (s *source) judge(url string) {
	s.t.Helper()
	a := crashtest.ReadBucket(s.t, storetest.Open(s.t, url, cloud.Options{}), stream)
	crashtest.ExactlyOnce(s.t, a, s.held)
}

// storm is a schedule of faults between requests without one. It takes the rarest of the faults that a request can
// meet. The first refusals of a kind come in a burst, which lasts longer than the SDKs retry.
type storm struct {
	random *rand.Rand
	came   map[storetest.Fault]int
	left   int // of the burst
	fault  storetest.Fault
}

func newStorm(seed uint64) *storm {
	return &storm{random: rand.New(rand.NewPCG(seed, 0)), came: make(map[storetest.Fault]int)}
}

// choose implements Proxy.Choose.
func (s *storm) choose(_ int, r *http.Request) storetest.Fault {
	switch {
	case s.left > 0:
		s.left--
		return s.fault
	case s.random.Float64() > 0.25:
		return storetest.None
	}
	s.fault = s.rarest(r)
	if s.came[s.fault] == 0 {
		s.left = map[storetest.Fault]int{storetest.Unavailable: 5, storetest.Internal: 2, storetest.TooMany: 2}[s.fault]
	}
	s.came[s.fault]++
	return s.fault
}

func (s *storm) rarest(r *http.Request) storetest.Fault {
	faults := slices.DeleteFunc(storetest.Faults(), func(f storetest.Fault) bool { return !f.AppliesTo(r) })
	s.random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	return slices.MinFunc(faults, func(a, b storetest.Fault) int { return s.came[a] - s.came[b] })
}

// TestCaptureThroughFaults: whatever happens on the way to the store, each message is in exactly one file (F5 to F9).
func TestCaptureThroughFaults(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			server, proxy := storetest.StartBehind(t, kind, func(p *storetest.Proxy) { p.Choose = newStorm(1).choose })
			url := server.Through(server.NewBucket(t), proxy)
			s := newSource(t)
			b := storetest.Open(t, url, cloud.Options{Timeout: time.Second})
			for rounds := 0; rounds < 2 || missing(kind, proxy) != nil; rounds++ {
				if rounds == 8 {
					t.Fatalf("after %d rounds these faults have not come: %v", rounds, missing(kind, proxy))
				}
				s.publish(500, 5)
				run(t, s, options(b, t.TempDir(), logger(t)))
			}
			proxy.Settle()
			s.judge(url)
			t.Logf("%d messages, %d requests, faults %v", len(s.held), proxy.Requests(), proxy.Counts())
		})
	}
}

// missing returns the faults that have not been injected yet.
func missing(kind storetest.Kind, p *storetest.Proxy) (faults []storetest.Fault) {
	counts := p.Counts()
	for _, f := range storetest.Faults() {
		if counts[f] == 0 && (f != storetest.Conflict || kind == storetest.S3) {
			faults = append(faults, f)
		}
	}
	return faults
}

func logger(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// run runs a capture to its end. If the store refuses the start for good, it starts again, as an operator would.
func run(t *testing.T, s *source, o jetcapture.Options[*jetcapture.NatsMessage, string]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := o.Build().Run(ctx, s.nc); err != nil {
		t.Fatalf("Run = %v", err)
	}
}

// captureOrder is the order for a capture child.
type captureOrder struct {
	NATS, URL, Temp string
	Once            bool
}

// captureChild captures until it is killed, or once.
func captureChild(text string) error {
	var order captureOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		return err
	}
	nc, err := nats.Connect(order.NATS)
	if err != nil {
		return err
	}
	defer nc.Close()
	b, err := storetest.TryOpen(context.Background(), order.URL, cloud.Options{})
	if err != nil {
		return err
	}
	o := options(b, order.Temp, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	o.Once, o.MaxIdle = order.Once, 50*time.Millisecond
	return errors.Join(o.Build().Run(context.Background(), nc), b.Close())
}

// TestKillsOnS3 kills a capture at random moments while messages come.
func TestKillsOnS3(t *testing.T) {
	t.Parallel()
	const kills = 8
	// so that kills meet cuts
	server, proxy := storetest.StartBehind(t, storetest.S3, func(p *storetest.Proxy) { p.Latency = 10 * time.Millisecond })
	url := server.Through(server.NewBucket(t), proxy)
	s := newSource(t)
	random := rand.New(rand.NewPCG(2, 0))
	redos := 0
	for range kills {
		child := startCapture(t, s, url, false)
		var publishing sync.WaitGroup
		publishing.Go(func() { s.publish(500, 5) })
		<-time.After(time.Duration(300+random.IntN(900)) * time.Millisecond)
		child.Kill()
		child.Wait()
		publishing.Wait()
		redos += child.Said("finishing a cut that was planned before")
	}
	child := startCapture(t, s, url, true)
	if code := child.Wait(); code != 0 {
		t.Fatalf("the last start ended with code %d", code)
	}
	redos += child.Said("finishing a cut that was planned before")
	s.judge(url)
	t.Logf("%d messages, %d kills, %d cuts were finished by a later start", len(s.held), kills, redos)
}

func startCapture(t *testing.T, s *source, url string, once bool) *crashtest.Child {
	t.Helper()
	order, err := json.Marshal(captureOrder{NATS: s.url, URL: url, Temp: t.TempDir(), Once: once})
	if err != nil {
		t.Fatal(err)
	}
	return crashtest.Start(t, os.Args[0], []string{childEnv + "=capture", orderEnv + "=" + string(order)})
}
