package crashtest_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
)

type options = jetcapture.Options[*jetcapture.NatsMessage, string]

// running is a capture in this process.
type running struct {
	*testing.T
	capture *jetcapture.Capture[*jetcapture.NatsMessage, string]
	options options
	cancel  context.CancelFunc
	result  chan error
	ended   bool

	mu   sync.Mutex
	log  bytes.Buffer
	lost []jetcapture.Lost
}

// Write implements io.Writer for the log.
func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

// run starts a capture of a stream into b. It is stopped at the end of the test.
func run(t *testing.T, nc *nats.Conn, stream string, b bucket.Bucket, change ...func(*options)) *running {
	t.Helper()
	r := &running{T: t, result: make(chan error, 1)}
	r.options = options{
		NATSStreamName: stream, CreateConsumer: true, MaxIdle: 100 * time.Millisecond,
		MessageDecoder: jetcapture.NatsToNats(jetcapture.SubjectToDestKey),
		WriterFactory: func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
			return &jetcapture.NewLineDelimitedJSON[*jetcapture.NatsMessage]{}
		},
		Suffix: "ndjson", Compression: jetcapture.GZip, Settings: map[string]string{"format": "ndjson"},
		TempDir: t.TempDir(),
		Archive: jetcapture.ArchiveOptions[string]{Bucket: b, Instance: "test"},
		Logger:  slog.New(slog.NewTextHandler(r, nil)),
		Hooks:   jetcapture.Hooks{Lost: r.noteLost},
	}
	for _, c := range change {
		c(&r.options)
	}
	r.capture = r.options.Build()
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.result <- r.capture.Run(ctx, nc) }()
	t.Cleanup(func() {
		if !r.ended {
			cancel()
			<-r.result //nolint:errcheck // the test is over
		}
		if t.Failed() {
			t.Log(r.said())
		}
	})
	return r
}

func (r *running) noteLost(l jetcapture.Lost) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = append(r.lost, l)
}

func (r *running) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// toldLost returns the reasons of the losses that the hook was called with.
func (r *running) toldLost() (reasons []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lost {
		reasons = append(reasons, l.Reason)
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}

// until waits until the counters are as expected.
func (r *running) until(what string, ok func(s jetcapture.Stats) bool) {
	r.Helper()
	natstest.Eventually(r, crashtest.Patience, what, func() bool {
		select {
		case err := <-r.result:
			r.ended = true
			r.Fatalf("the capture has ended before there was %s: %v", what, err)
		default:
		}
		return ok(r.capture.Stats())
	})
}

// read waits until n messages are read.
func (r *running) read(n int) {
	r.Helper()
	r.until("messages read", func(s jetcapture.Stats) bool { return s.Messages >= int64(n) })
}

// stored waits until everything up to a sequence is stored.
func (r *running) stored(seq uint64) {
	r.Helper()
	r.until("messages stored", func(s jetcapture.Stats) bool { return s.StoredSeq >= seq })
}

// wait waits until Run has ended and returns its error.
func (r *running) wait() error {
	r.Helper()
	select {
	case err := <-r.result:
		r.ended = true
		return err
	case <-time.After(crashtest.Patience):
		r.Fatal("the capture does not end")
		return nil
	}
}

// stop ends the capture as a signal does. It must have stored everything then.
func (r *running) stop() {
	r.Helper()
	r.cancel()
	if err := r.wait(); err != nil {
		r.Fatalf("the capture ended with: %v", err)
	}
}

// warned fails the test unless the log has a warning with the text.
func (r *running) warned(text string) {
	r.Helper()
	for line := range strings.Lines(r.said()) {
		if strings.Contains(line, "level=WARN") && strings.Contains(line, text) {
			return
		}
	}
	r.Errorf("no warning says %q", text)
}

// kept returns those of the messages that are in the archive. It fails the test unless the others are accounted for:
// lost, or absent and not in the stream any more.
func kept(t *testing.T, a *oracle.Archive, messages, held []oracle.Message) []oracle.Message {
	t.Helper()
	in := map[uint64]bool{}
	for _, c := range a.Cuts {
		for _, f := range c.Files {
			for _, seq := range f.Seqs {
				in[seq] = true
			}
		}
		for _, l := range c.Lost {
			for _, seq := range l.Seqs {
				in[seq] = true
			}
		}
	}
	there := map[uint64]bool{}
	for _, m := range held {
		there[m.Seq] = true
	}
	var rest []oracle.Message
	absent := uint64(0)
	for _, m := range messages {
		if in[m.Seq] {
			rest = append(rest, m)
			continue
		}
		absent++
		if there[m.Seq] {
			t.Errorf("sequence %d is in the stream and not in the archive", m.Seq)
		}
	}
	if absent != a.Absent() {
		t.Errorf("%d messages are in no file and not lost, the plans say that %d are absent", absent, a.Absent())
	}
	return rest
}
