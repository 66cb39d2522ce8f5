package restore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/restore"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The server waits for an answer of the origin when a mirror is promoted.
	goleak.VerifyTestMain(m, append(natstest.IgnoreServer(),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*stream).tryDeleteSourcingConsumer.func1"))...)
}

// rig is a server whose stream ORDERS was captured.
type rig struct {
	t    *testing.T
	nc   *nats.Conn
	js   jetstream.JetStream
	from *archive.Capture
	last uint64
	held map[uint64]*jetstream.RawStreamMsg
}

// newRig publishes 300 messages of all kinds, deletes some, and captures the rest as raw files.
func newRig(t *testing.T) *rig {
	t.Helper()
	srv := natstest.Start(t)
	nc := srv.Connect()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, nc: nc, js: js, held: map[uint64]*jetstream.RawStreamMsg{}}
	stream := natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	natstest.Publish(t, nc, 300, func(i int) *nats.Msg {
		m := &nats.Msg{Subject: fmt.Sprintf("orders.%d", i%7), Data: bytes.Repeat([]byte{byte(i)}, i*i%9001)}
		if i%3 == 0 {
			m.Header = nats.Header{"b": {fmt.Sprint(i), ""}, "A": {"x"}}
		}
		return m
	})
	for _, seq := range []uint64{1, 2, 100, 101, 102, 250} {
		if err := stream.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	r.capture()
	for seq := uint64(1); seq <= 300; seq++ {
		if m, err := stream.GetMsg(t.Context(), seq); err == nil {
			r.held[seq] = m
		}
	}
	return r
}

// capture captures the stream into memory.
func (r *rig) capture() {
	r.t.Helper()
	b := bucket.NewMem()
	o := jetcapture.Options[*jetcapture.NatsMessage, string]{
		NATSStreamName: "ORDERS", Suffix: "raw", Once: true, DecoderVersion: "jetcapture-1",
		Settings:       map[string]string{"format": "raw"},
		MessageDecoder: jetcapture.NatsToNats(func(m *nats.Msg) string { return m.Subject }),
		WriterFactory: func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
			return new(jetcapture.RawWriter)
		},
		Archive: jetcapture.ArchiveOptions[string]{Bucket: b}, Logger: slog.New(slog.DiscardHandler),
	}
	if err := o.Build().Run(r.t.Context(), r.nc); err != nil {
		r.t.Fatal(err)
	}
	var err error
	if r.from, err = archive.Open(b).Capture("ORDERS"); err != nil {
		r.t.Fatal(err)
	}
	r.last = 300
}

// config is a configuration for the stream COPY.
func config(t *testing.T) restore.StreamConfig {
	t.Helper()
	c, err := restore.ParseStreamConfig([]byte(`{"name":"COPY","subjects":["copy.>"],"retention":"limits",` +
		`"storage":"file","num_replicas":1,"max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"discard":"old"}`))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantCopy compares the stream COPY with what ORDERS held, of the sequences that are wanted.
func (r *rig) wantCopy(want func(seq uint64) bool) {
	r.t.Helper()
	stream, err := r.js.Stream(r.t.Context(), "COPY")
	if err != nil {
		r.t.Fatal(err)
	}
	for seq := uint64(1); seq <= r.last+1; seq++ {
		got, err := stream.GetMsg(r.t.Context(), seq)
		held := r.held[seq]
		switch {
		case held == nil || !want(seq):
			if !errors.Is(err, jetstream.ErrMsgNotFound) {
				r.t.Errorf("sequence %d should not be there: %v", seq, err)
			}
		case err != nil:
			r.t.Errorf("sequence %d: %v", seq, err)
		case got.Subject != held.Subject || !got.Time.Equal(held.Time) || !bytes.Equal(got.Data, held.Data) ||
			fmt.Sprint(got.Header) != fmt.Sprint(held.Header):
			r.t.Errorf("sequence %d: %v, want %v", seq, got, held)
		}
	}
}

func all(uint64) bool { return true }

func TestRestoredStreamEqualsTheCapturedOne(t *testing.T) {
	r := newRig(t)
	result, err := restore.Run(t.Context(), r.nc, r.from.Messages(t.Context(), archive.ReadOptions{}),
		restore.Options{Config: config(t), Last: 305}) // 301 to 305 were deleted, say
	if err != nil {
		t.Fatal(err)
	}
	if result.Messages != 294 || result.Stored != 294 || result.First != 3 || result.Last != 300 ||
		result.StoredLast != 305 {
		t.Errorf("%+v", result)
	}
	r.wantCopy(all)
	ack, err := r.js.Publish(t.Context(), "copy.next", nil)
	if err != nil || ack.Sequence != 306 {
		t.Errorf("the next message has the sequence %d, want 306: %v", ack.Sequence, err)
	}
}

func TestARangeIsRestored(t *testing.T) {
	r := newRig(t)
	items := r.from.Messages(t.Context(), archive.ReadOptions{After: 98, Through: 110, Subjects: []string{"orders.*"}})
	if _, err := restore.Run(t.Context(), r.nc, items, restore.Options{Config: config(t)}); err != nil {
		t.Fatal(err)
	}
	r.wantCopy(func(seq uint64) bool { return seq > 98 && seq <= 110 })
}

// The server gives a restore up that is silent for 5 seconds. A store may take longer than that.
func TestASlowArchiveIsRestored(t *testing.T) {
	r := newRig(t)
	slow := func(yield func(*archive.Item, error) bool) {
		n := 0
		for i, err := range r.from.Messages(t.Context(), archive.ReadOptions{}) {
			if n++; n == 1 || n == 200 {
				select { // longer than the server waits
				case <-time.After(7 * time.Second):
				case <-t.Context().Done():
				}
			}
			if !yield(i, err) {
				return
			}
		}
	}
	if _, err := restore.Run(t.Context(), r.nc, slow, restore.Options{Config: config(t)}); err != nil {
		t.Fatal(err)
	}
	r.wantCopy(all)
}

// A restore that fails leaves no half stream, and one that cannot begin touches nothing.
func TestFailedRestoresLeaveNothing(t *testing.T) {
	r := newRig(t)
	broken := errors.New("the store is gone")
	failing := func(yield func(*archive.Item, error) bool) {
		n := 0
		for i, err := range r.from.Messages(t.Context(), archive.ReadOptions{}) {
			if n++; n > 100 {
				yield(nil, broken)
				return
			}
			if !yield(i, err) {
				return
			}
		}
	}
	twice := func(yield func(*archive.Item, error) bool) {
		for range 2 {
			for i, err := range r.from.Messages(t.Context(), archive.ReadOptions{}) {
				if !yield(i, err) {
					return
				}
			}
		}
	}
	for what, items := range map[string]iter.Seq2[*archive.Item, error]{"failing": failing, "twice": twice} {
		_, err := restore.Run(t.Context(), r.nc, items, restore.Options{Config: config(t)})
		if err == nil || what == "failing" && !errors.Is(err, broken) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := r.js.Stream(t.Context(), "COPY"); !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("%s: a stream is there: %v", what, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := restore.Run(ctx, r.nc, failing, restore.Options{Config: config(t)}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	none := r.from.Messages(t.Context(), archive.ReadOptions{Subjects: []string{"nobody"}})
	_, err := restore.Run(t.Context(), r.nc, none, restore.Options{Config: config(t)})
	if !errors.Is(err, restore.ErrNothing) {
		t.Error(err)
	}
}

// A stream that exists is not touched.
func TestAnExistingStreamIsRefused(t *testing.T) {
	r := newRig(t)
	c := config(t)
	if err := c.Set("name", "ORDERS"); err != nil {
		t.Fatal(err)
	}
	items := r.from.Messages(t.Context(), archive.ReadOptions{})
	_, err := restore.Run(t.Context(), r.nc, items, restore.Options{Config: c})
	if err == nil || !strings.Contains(err.Error(), "ORDERS") {
		t.Error(err)
	}
	stream, err := r.js.Stream(t.Context(), "ORDERS")
	if err != nil || stream.CachedInfo().State.Msgs != 294 {
		t.Errorf("the stream was changed: %v", err)
	}
}

// A stream that is made between the question whether it exists and the first message is not touched either.
func TestAStreamThatIsMadeMeanwhileIsRefused(t *testing.T) {
	r := newRig(t)
	items := func(yield func(*archive.Item, error) bool) {
		n := 0
		for i, err := range r.from.Messages(t.Context(), archive.ReadOptions{}) {
			if n++; n == 3 { // the server was asked, and has got nothing yet
				natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: "COPY", Subjects: []string{"copy"}})
			}
			if !yield(i, err) {
				return
			}
		}
	}
	_, err := restore.Run(t.Context(), r.nc, items, restore.Options{Config: config(t)})
	if err == nil || !strings.Contains(err.Error(), "already in use") {
		t.Error(err)
	}
	if _, err := r.js.Stream(t.Context(), "COPY"); err != nil {
		t.Errorf("the stream of somebody else: %v", err)
	}
}

// The origin has dropped the first half. The copy gets it from the archive and the rest from the origin, and becomes a
// stream of its own in the end.
func TestDeepHistoryOfALivingStream(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	origin, err := r.js.Stream(ctx, "ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	if err := origin.Purge(ctx, jetstream.WithPurgeSequence(150)); err != nil {
		t.Fatal(err)
	}
	c := config(t)
	if err := c.MirrorOf("ORDERS"); err != nil {
		t.Fatal(err)
	}
	items := r.from.Messages(ctx, archive.ReadOptions{Through: 200})
	if _, err := restore.Run(ctx, r.nc, items, restore.Options{Config: c}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.js.Publish(ctx, "orders.new", nil); err != nil {
		t.Fatal(err)
	}
	copied, err := r.js.Stream(ctx, "COPY")
	if err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, 20*time.Second, "the mirror catches up", func() bool {
		info, err := copied.Info(ctx)
		return err == nil && info.State.LastSeq == 301
	})
	r.last = 299 // 300 and 301 came from the origin
	r.wantCopy(all)
	promoted := copied.CachedInfo().Config
	promoted.Mirror, promoted.Subjects = nil, []string{"copy.>"}
	if _, err := r.js.UpdateStream(ctx, promoted); err != nil {
		t.Fatal(err)
	}
	if ack, err := r.js.Publish(ctx, "copy.next", nil); err != nil || ack.Sequence != 302 {
		t.Errorf("the next message has the sequence %d, want 302: %v", ack.Sequence, err)
	}
}
