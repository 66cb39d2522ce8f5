package jetcapture_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// patience bounds everything that a test waits for.
const patience = 2 * time.Minute

// options are those of the captures in most tests: whole messages, grouped by subject.
type options = jetcapture.Options[*jetcapture.NatsMessage, string]

// rig has a server with the stream S, all messages that were stored in it, and a bucket for an archive.
type rig struct {
	t      *testing.T
	server *natstest.Server
	nc     *nats.Conn
	bucket bucket.Bucket
	held   []oracle.Message // all that the stream ever held
	last   uint64           // the last stream sequence
}

// newRig starts a server. The stream S takes the subjects s.>, unless configured otherwise.
func newRig(t *testing.T, configure ...func(*jetstream.StreamConfig)) *rig {
	t.Helper()
	t.Parallel()
	return newRigOn(t, natstest.Start(t), configure...)
}

// newRigOn is newRig on a server that was started already, which is reached as connect says.
func newRigOn(t *testing.T, server *natstest.Server, configure ...func(*jetstream.StreamConfig)) *rig {
	t.Helper()
	r := &rig{t: t, server: server, bucket: bucket.NewMem()}
	r.nc = server.Connect()
	r.createStream(configure...)
	return r
}

func (r *rig) createStream(configure ...func(*jetstream.StreamConfig)) {
	r.t.Helper()
	cfg := jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}
	for _, c := range configure {
		c(&cfg)
	}
	natstest.CreateStream(r.t, r.nc, cfg)
}

// js is the client's own interface to the server.
func (r *rig) js() jetstream.JetStream { return natstest.JetStream(r.t, r.nc) }

// stream is the client's own interface to the stream.
func (r *rig) stream() jetstream.Stream {
	r.t.Helper()
	s, err := r.js().Stream(natstest.Context(r.t), "S")
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// publish stores n messages, in turn on the given subjects, or on s.0 to s.3.
func (r *rig) publish(n int, subjects ...string) {
	r.t.Helper()
	if len(subjects) == 0 {
		subjects = []string{"s.0", "s.1", "s.2", "s.3"}
	}
	messages := make([]oracle.Message, n)
	for i := range messages {
		messages[i] = oracle.Message{Subject: subjects[i%len(subjects)], Data: fmt.Appendf(nil, `{"n":%d}`, r.last+uint64(i))}
	}
	r.store(messages...)
}

// store publishes messages and notes them with their sequences.
func (r *rig) store(messages ...oracle.Message) {
	r.t.Helper()
	natstest.Publish(r.t, r.nc, len(messages), func(i int) *nats.Msg {
		r.last++
		messages[i].Seq = r.last
		return &nats.Msg{Subject: messages[i].Subject, Data: messages[i].Data}
	})
	r.held = append(r.held, messages...)
}

// natsContext returns a context that ends after patience.
func natsContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// options returns the options of a capture with Once: whole messages in NDJSON, by subject, into the rig's bucket.
func (r *rig) options() options {
	return jetcapture.WithSecondLook(options{
		NATSStreamName: "S", Compression: jetcapture.GZip, Suffix: "ndjson", MaxAge: time.Hour, Once: true,
		MessageDecoder: jetcapture.NatsToNats(jetcapture.SubjectToDestKey),
		WriterFactory: func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
			return &jetcapture.NewLineDelimitedJSON[*jetcapture.NatsMessage]{}
		},
		Archive:  jetcapture.ArchiveOptions[string]{Bucket: r.bucket, Instance: "one"},
		Settings: map[string]string{"format": "ndjson"},
		Logger:   r.logger(), TempDir: r.t.TempDir(), BufferToDisk: true,
	}, time.Second)
}

func (r *rig) logger() *slog.Logger { return slog.New(slog.NewTextHandler(r.t.Output(), nil)) }

// with returns changed options.
func with(o options, change func(o *options)) options {
	change(&o)
	return o
}

// capture runs a capture to its end, which must come without an error.
func capture[P jetcapture.Payload, K jetcapture.DestKey](r *rig, o jetcapture.Options[P, K]) jetcapture.Stats {
	r.t.Helper()
	stats, err := tryCapture(r, o)
	if err != nil {
		r.t.Fatalf("Run = %v", err)
	}
	return stats
}

// tryCapture runs a capture to its end.
func tryCapture[P jetcapture.Payload, K jetcapture.DestKey](
	r *rig, o jetcapture.Options[P, K],
) (jetcapture.Stats, error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := o.Build()
	err := c.Run(ctx, r.nc)
	if ctx.Err() != nil {
		r.t.Fatalf("Run has not ended after %v: %v", patience, err)
	}
	return c.Stats(), err
}

// running is a capture in the background.
type running struct {
	t     *testing.T
	Stats func() jetcapture.Stats
	Flush func(ctx context.Context) error
	Race  func(on bool) // says that there is a race with the retention, as the guard does
	// LargestBlocks is that of the capture.
	LargestBlocks func(ctx context.Context, n int) ([]jetcapture.OpenBlock, error)

	stop  context.CancelFunc
	ended chan error
}

// start runs a capture until it is stopped or the test ends.
func start[P jetcapture.Payload, K jetcapture.DestKey](r *rig, nc *nats.Conn, o jetcapture.Options[P, K]) *running {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := o.Build()
	run := &running{
		t: r.t, Stats: c.Stats, Flush: c.Flush, Race: c.Race, LargestBlocks: c.LargestBlocks, stop: cancel,
		ended: make(chan error, 1),
	}
	go func() { run.ended <- c.Run(ctx, nc) }()
	r.t.Cleanup(func() {
		cancel()
		_ = run.end()
	})
	return run
}

// end waits for the end of the capture.
func (c *running) end() error {
	c.t.Helper()
	select {
	case err := <-c.ended:
		c.ended <- err
		return err
	case <-time.After(patience):
		c.t.Errorf("the capture has not ended after %v: %+v", patience, c.Stats())
		return errors.New("has not ended")
	}
}

// finish stops the capture, which must end without an error.
func (c *running) finish() {
	c.t.Helper()
	c.stop()
	if err := c.end(); err != nil {
		c.t.Fatalf("Run = %v", err)
	}
}

// until waits until the counters of a capture satisfy a condition. The capture must not end before.
func (c *running) until(what string, is func(s jetcapture.Stats) bool) {
	c.t.Helper()
	natstest.Eventually(c.t, patience, what, func() bool {
		if len(c.ended) > 0 {
			c.t.Fatalf("Run = %v before %s", c.end(), what)
		}
		return is(c.Stats())
	})
}

// untilRead waits until the capture has read up to a stream sequence.
func (c *running) untilRead(seq uint64) {
	c.t.Helper()
	c.until(fmt.Sprintf("capture that has read sequence %d", seq), func(s jetcapture.Stats) bool {
		return s.LastSeq >= seq
	})
}

// untilState waits until the capture is in a state.
func (c *running) untilState(state jetcapture.State) {
	c.t.Helper()
	c.until(fmt.Sprintf("state %q", state), func(s jetcapture.Stats) bool { return s.State == state })
}

// untilStored waits until the capture has stored everything up to a stream sequence.
func (c *running) untilStored(seq uint64) {
	c.t.Helper()
	c.until(fmt.Sprintf("capture that has stored sequence %d", seq), func(s jetcapture.Stats) bool {
		return s.StoredSeq >= seq
	})
}

// archive reads the archive of a capture in the rig's bucket, which must be sound.
func (r *rig) archive(capture string) *oracle.Archive {
	r.t.Helper()
	a, err := oracle.Read(context.Background(), r.bucket, capture)
	if err != nil {
		r.t.Fatalf("archive of %s: %v", capture, err)
	}
	return a
}

// wantAll checks that each message that the stream ever held is in the archive of capture S exactly once or accounted
// for.
func (r *rig) wantAll() *oracle.Archive {
	r.t.Helper()
	a := r.archive("S")
	if err := a.ExactlyOnce(r.held, oracle.NatsMessage); err != nil {
		r.t.Error(err)
	}
	return a
}

// wantFrom is wantAll for another capture and the messages from a sequence on.
func (r *rig) wantFrom(capture string, seq uint64) *oracle.Archive {
	r.t.Helper()
	a := r.archive(capture)
	later := slices.DeleteFunc(slices.Clone(r.held), func(m oracle.Message) bool { return m.Seq < seq })
	if err := a.ExactlyOnce(later, oracle.NatsMessage); err != nil {
		r.t.Error(err)
	}
	return a
}

// wantNoFiles checks that nothing but a log is in the rig's bucket.
func (r *rig) wantNoFiles() {
	r.t.Helper()
	for _, name := range r.names() {
		if !inLog(name) {
			r.t.Errorf("there is a file %s, want none", name)
		}
	}
}

// planned reports whether the plan of cut n is in the rig's bucket.
func (r *rig) planned(n uint64) bool { return slices.Contains(r.names(), cutlog.PlanName("S", n)) }

// names returns the names of all objects in the rig's bucket.
func (r *rig) names() (names []string) {
	r.t.Helper()
	for info, err := range r.bucket.List(context.Background(), "", "") {
		if err != nil {
			r.t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	return names
}

// wantEqual checks one value.
func wantEqual[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantSlice checks the elements of a slice and their order.
func wantSlice[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantText checks that there is an error and that its text has all parts.
func wantText(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got error %v, want one with %q", err, part)
		}
	}
}

// errorAs is errors.As as an expression.
func errorAs[E error](err error) (e E, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}
