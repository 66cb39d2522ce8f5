package jetcapture

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// crashChildVar makes TestCrashChild a child of the tests in internal/crashtest: a capture in a process of its own,
// which dies at a step of the protocol. Its value is a crashChild as JSON. Options.crash is not exported, so the child
// has to be the test binary of this package.
const crashChildVar = "JETCAPTURE_CRASH_CHILD"

// crashChild is one run of a capture, with Once.
type crashChild struct {
	URL, Stream, Consumer, Folder, Instance string
	From                                    string // convert the archive in this folder; empty: capture the stream
	MaxMessages                             int
	Arrow                                   string // the step at which it kills itself; empty means at none
	Occurrence                              int    // which time it comes there, counted from 1
	Stop                                    bool   // stop there, as after a signal, and do not kill itself
}

// TestCrashChild is that child if the variable is set. Otherwise it checks that the steps of a cut come in their order.
func TestCrashChild(t *testing.T) {
	if config := os.Getenv(crashChildVar); config != "" {
		var c crashChild
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		if err := c.run(ctx, os.Stderr, c.endAt(os.Stdout, stop)); err != nil {
			t.Fatal(err)
		}
		return
	}
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ARROWS", Retention: jetstream.WorkQueuePolicy})
	natstest.PublishN(t, nc, "arrows.a", 1)
	c := crashChild{URL: s.URL(), Stream: "ARROWS", Consumer: "archive", Folder: t.TempDir(), Instance: "one"}
	var got []string
	if err := c.run(t.Context(), io.Discard, func(point string) { got = append(got, point) }); err != nil {
		t.Fatal(err)
	}
	want := []string{
		engine.BeforePlan, engine.AfterPlan, engine.AfterFormat, engine.AfterDone, // the log is born
		engine.BeforePlan, engine.AfterPlan, engine.AfterFile, engine.AfterFiles, engine.AfterDone, engine.AfterAck,
	}
	if !slices.Equal(got, want) {
		t.Errorf("arrows %v, want %v", got, want)
	}
}

// endAt returns the hook of a child. The hook writes each step to the parent. At its own step, it kills the process or
// stops the capture.
func (c *crashChild) endAt(parent io.Writer, stop func()) func(point string) {
	var mu sync.Mutex
	reached := 0
	return func(point string) {
		mu.Lock() // files are stored by several goroutines
		defer mu.Unlock()
		fmt.Fprintf(parent, "arrow %s\n", point)
		if point != c.Arrow {
			return
		}
		if reached++; reached != c.Occurrence {
			return
		}
		if c.Stop {
			stop()
			return
		}
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		<-time.After(time.Minute) // the signal is on its way
		panic(err)
	}
}

// run captures everything that the stream holds.
func (c *crashChild) run(ctx context.Context, log io.Writer, crash func(point string)) (err error) {
	nc, err := nats.Connect(c.URL)
	if err != nil {
		return err
	}
	defer nc.Close()
	dir, err := bucket.OpenDir(c.Folder)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	o := Options[*NatsMessage, string]{
		NATSStreamName: c.Stream, NATSConsumerName: c.Consumer, CreateConsumer: true, Once: true,
		MessageDecoder: NatsToNats(SubjectToDestKey),
		WriterFactory:  func() FormattedDataWriter[*NatsMessage] { return &NewLineDelimitedJSON[*NatsMessage]{} },
		Suffix:         "ndjson", Compression: GZip, MaxMessages: c.MaxMessages,
		DecoderVersion: cutlog.CommandVersion, // so that the files can be read back
		Settings:       map[string]string{"format": "ndjson", "record": "message"},
		Archive:        ArchiveOptions[string]{Bucket: dir, Instance: c.Instance},
		Logger:         slog.New(slog.NewTextHandler(log, nil)),
		crash:          crash,
	}
	if c.From == "" {
		return o.Build().Run(ctx, nc)
	}
	from, err := bucket.OpenDir(c.From)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	source, err := archive.Open(from).Capture(c.Stream)
	if err != nil {
		return err
	}
	return o.Build().Convert(ctx, source)
}
