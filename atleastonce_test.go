package jetcapture_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// consumer makes the durable consumer C.
func (r *rig) consumer(change ...func(*jetstream.ConsumerConfig)) jetstream.Consumer {
	r.t.Helper()
	cfg := jetstream.ConsumerConfig{
		Durable: "C", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 100_000, AckWait: time.Hour,
	}
	for _, c := range change {
		c(&cfg)
	}
	c, err := r.stream().CreateOrUpdateConsumer(r.t.Context(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// pending returns how many messages the consumer C has not delivered, and delivered without an ack.
func (r *rig) pending() (undelivered uint64, unacked int) {
	r.t.Helper()
	c, err := r.stream().Consumer(r.t.Context(), "C")
	if err != nil {
		r.t.Fatal(err)
	}
	info := c.CachedInfo()
	return info.NumPending, info.NumAckPending
}

// wantPending checks how many messages the consumer C has not delivered, and delivered without an ack.
func (r *rig) wantPending(undelivered uint64, unacked int) {
	r.t.Helper()
	gotUndelivered, gotUnacked := r.pending()
	wantEqual(r.t, "messages that are not delivered", gotUndelivered, undelivered)
	wantEqual(r.t, "messages that are not acknowledged", gotUnacked, unacked)
}

// toStore are options of a capture into a Store, through the consumer C.
func (r *rig) toStore(s jetcapture.BlockStore[string]) options {
	o := r.options()
	o.Archive, o.Store, o.NATSConsumerName = jetcapture.ArchiveOptions[string]{}, s, "C"
	return o
}

func TestStoreThenAck(t *testing.T) {
	r := newRig(t)
	r.publish(200, "s.a", "s.b")
	r.consumer()
	s := &memStore{}
	s.fail = func(string) error {
		r.wantPending(0, 200)
		return nil
	}
	var stored []jetcapture.BlockStored
	o := r.toStore(s)
	o.Hooks.BlockStored = func(e jetcapture.BlockStored) { stored = append(stored, e) }
	stats := capture(r, o)
	s.wantAtLeastOnce(r)
	r.wantPending(0, 0)
	name := regexp.MustCompile(`^s\.[ab]\|\d{4}/\d\d/\d\d/\d\d/00/\|S-\d{20}-\d{20}-[0-9a-f]{8}\.ndjson\.gz$`)
	for _, n := range s.names() {
		if !name.MatchString(n) {
			t.Errorf("block %q, want %s", n, name)
		}
	}
	wantEqual(t, "blocks in the store", len(s.names()), 2)
	wantEqual(t, "calls of BlockStored", len(stored), 2)
	for _, e := range stored {
		wantEqual(t, "messages in BlockStored", e.Messages, 100)
	}
	wantEqual(t, "Blocks", stats.Blocks, 2)
	wantEqual(t, "Messages", stats.Messages, 200)
	wantEqual(t, "Rows", stats.Rows, 200)
	wantEqual(t, "Cuts", stats.Cuts, 1)
	// A run with nothing to do ends well, too.
	if stats := capture(r, r.toStore(s)); stats.Messages != 0 {
		t.Errorf("stats of a run with nothing to do: %+v", stats)
	}
	s.fail = nil
	r.publish(10, "s.a")
	capture(r, r.toStore(s))
	s.wantAtLeastOnce(r)
}

func TestStoreEmptyAndPurged(t *testing.T) {
	r := newRig(t)
	r.consumer()
	s := &memStore{}
	capture(r, r.toStore(s))
	r.publish(10)
	if err := r.stream().Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	capture(r, r.toStore(s))
	if s.calls != 0 {
		t.Errorf("%d blocks stored of nothing", s.calls)
	}
}

func TestStoreNeedsItsConsumer(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	s := &memStore{}
	_, err := tryCapture(r, r.toStore(s))
	wantText(t, err, "C", "create")
	capture(r, with(r.toStore(s), func(o *options) { o.CreateConsumer = true }))
	s.wantAtLeastOnce(r)
}

// renew recreates the stream and its consumer, and publishes n messages with other data under the old sequences.
func (r *rig) renew(n int) {
	r.t.Helper()
	r.recreate()
	r.consumer()
	natstest.Publish(r.t, r.nc, n, func(i int) *nats.Msg {
		return &nats.Msg{Subject: "s.a", Data: fmt.Appendf(nil, "new %d", i)}
	})
}

// TestStoreOfARecreatedStream recreates the stream under a capture. The new messages are stored, though messages with
// the same sequences are in open blocks.
func TestStoreOfARecreatedStream(t *testing.T) {
	r := newRig(t)
	r.publish(10, "s.a")
	r.consumer()
	s, old := &memStore{}, r.held
	run := start(r, r.nc, with(r.toStore(s), func(o *options) { o.Once = false }))
	run.untilRead(10)
	r.renew(10)
	run.until("20 messages", func(s jetcapture.Stats) bool { return s.Messages == 20 })
	run.finish()
	n := s.payloads(t)
	for i := range 10 {
		for _, data := range []string{fmt.Sprintf("new %d", i), string(old[i].Data)} {
			if n[data] == 0 {
				t.Errorf("message %q is in no block", data)
			}
		}
	}
	r.wantPending(0, 0)
}

// TestStoreAcksOnlyWhatItRead recreates the stream while a block is being stored, and lets another client hold the new
// messages. Acks of the old messages, which have the same sequences, must not reach them.
func TestStoreAcksOnlyWhatItRead(t *testing.T) {
	r := newRig(t)
	r.publish(10, "s.a")
	r.consumer()
	storing, goOn := make(chan struct{}), make(chan struct{})
	s := &memStore{fail: func(string) error {
		close(storing)
		<-goOn
		return nil
	}}
	run := start(r, r.nc, with(r.toStore(s), func(o *options) { o.Once, o.MaxMessages = false, 10 }))
	<-storing
	r.renew(10)
	c, err := r.stream().Consumer(t.Context(), "C")
	if err != nil {
		t.Fatal(err)
	}
	batch, err := c.Fetch(10)
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for range batch.Messages() {
		taken++
	}
	close(goOn)
	run.finish()
	if _, unacked := r.pending(); unacked != 10 || taken != 10 {
		t.Errorf("%d of %d new messages are not acknowledged, want all 10", unacked, taken)
	}
}

// TestStoreRetries: a store that fails is called again with the block from its start. Nothing is acknowledged
// meanwhile.
func TestStoreRetries(t *testing.T) {
	r := newRig(t)
	r.publish(100, "s.a", "s.b")
	r.consumer()
	s := &memStore{}
	var mu sync.Mutex
	failed := map[string]int{}
	s.fail = func(name string) error {
		mu.Lock()
		defer mu.Unlock()
		if failed[name]++; failed[name] > 3 {
			return nil
		}
		if _, unacked := r.pending(); unacked != 100 {
			t.Errorf("%d messages are not acknowledged, want 100", unacked)
		}
		return errors.New("come back later")
	}
	stats := capture(r, r.toStore(s))
	s.wantAtLeastOnce(r)
	wantEqual(t, "retries", stats.Retries, 6)
	wantEqual(t, "blocks", len(s.names()), 2)
	wantEqual(t, "calls of the store", s.calls, 8)
}

// TestStoreThatHangs ends a run with an error that says what is left.
func TestStoreThatHangs(t *testing.T) {
	for _, archive := range []bool{false, true} {
		t.Run(fmt.Sprint(archive), func(t *testing.T) {
			r := newRig(t)
			r.publish(42, "s.a")
			r.consumer()
			o := r.toStore(storeFunc(func(ctx context.Context, _ io.Reader, _, _, _ string) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			}))
			if archive {
				o = r.options()
				o.Archive.Bucket = hanging(r.bucket)
			}
			o.Once, o.DrainTimeout = false, 300*time.Millisecond
			c := start(r, r.nc, o)
			c.untilRead(42)
			began := time.Now()
			c.stop()
			err := c.end()
			wantText(t, err, "42", "300ms")
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			if archive {
				capture(r, r.options())
				r.wantAll()
				return
			}
			r.wantPending(0, 42)
		})
	}
}

// TestStoreNames: a block of exactly the same messages gets the same name again, and no other block gets it.
func TestStoreNames(t *testing.T) {
	r := newRig(t)
	r.publish(9, "s.a")
	s := &memStore{}
	for _, c := range []struct {
		consumer string
		left     []uint64
	}{{"A", []uint64{5, 9}}, {"B", []uint64{5, 7, 9}}, {"C", []uint64{5, 9}}} {
		r.leave(c.consumer, c.left...)
		o := r.toStore(s)
		o.NATSConsumerName, o.Once = c.consumer, false
		run := start(r, r.nc, o)
		run.until("capture that has read what was left", func(s jetcapture.Stats) bool {
			return s.Messages == int64(len(c.left))
		})
		run.finish()
	}
	names := s.names()
	if len(names) != 2 || s.calls != 3 {
		t.Fatalf("%d calls, blocks %v, want {5, 9} under one name and {5, 7, 9} under another", s.calls, names)
	}
	withoutHash := func(name string) string { return name[:strings.LastIndex(name, "-")] }
	wantEqual(t, "name without its hash", withoutHash(names[0]), withoutHash(names[1]))
	if got, want := s.seqs(r), map[uint64]int{5: 2, 7: 1, 9: 2}; !maps.Equal(got, want) {
		t.Errorf("how often each sequence is stored: got %v, want %v", got, want)
	}
}

// leave makes a consumer that will deliver the given messages again and has acknowledged all others.
func (r *rig) leave(consumer string, seqs ...uint64) {
	r.t.Helper()
	c := r.consumer(func(c *jetstream.ConsumerConfig) { c.Durable = consumer })
	batch, err := c.Fetch(len(r.held))
	if err != nil {
		r.t.Fatal(err)
	}
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			r.t.Fatal(err)
		}
		if slices.Contains(seqs, meta.Sequence.Stream) {
			err = m.Nak()
		} else {
			err = m.DoubleAck(r.t.Context())
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestStoreDeadLetters(t *testing.T) {
	r, poison, says := poisoned(t)
	r.consumer()
	var got []jetcapture.DeadLetter
	refused := map[uint64]int{}
	c := &counted{}
	o := r.lines(c, direct)
	s := &memStore{}
	o.Archive, o.Store, o.NATSConsumerName = jetcapture.ArchiveOptions[string]{}, s, "C"
	o.Poison = jetcapture.PoisonDeadLetter
	o.DeadLetters = func(_ context.Context, d jetcapture.DeadLetter) error {
		if _, unacked := r.pending(); unacked == 0 {
			t.Errorf("dead letter %d is acknowledged before it is kept", d.Seq)
		}
		if refused[d.Seq]++; refused[d.Seq] == 1 && d.Seq%3 == 0 {
			return errors.New("full")
		}
		got = append(got, d)
		return nil
	}
	stats := capture(r, o)
	if len(got) != len(poison) || stats.Dead != int64(len(poison)) {
		t.Fatalf("%d dead letters, stats %+v, want %d", len(got), stats, len(poison))
	}
	for i, d := range got {
		r.checkLetter(d, poison[i], says[poison[i]])
	}
	rows := 0
	for _, data := range s.blocks {
		plain, err := oracle.Decompress("gzip", data)
		if err != nil {
			t.Fatal(err)
		}
		rows += len(oracle.Lines(plain))
	}
	if rows != len(r.held)-len(poison) {
		t.Errorf("%d rows, want %d", rows, len(r.held)-len(poison))
	}
	r.wantPending(0, 0)
}

// TestStoreSharedConsumer: several captures share one consumer.
func TestStoreSharedConsumer(t *testing.T) {
	r := newRig(t, func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy })
	r.consumer()
	s := &memStore{}
	o := with(r.toStore(s), func(o *options) { o.Once, o.MaxIdle = false, 200*time.Millisecond })
	var all []*running
	for range 3 {
		all = append(all, start(r, r.server.Connect(), o))
	}
	for range 10 {
		r.publish(100)
	}
	natstest.Eventually(t, patience, "empty stream", func() bool {
		info, err := r.stream().Info(t.Context())
		return err == nil && info.State.Msgs == 0
	})
	for _, c := range all {
		c.finish()
	}
	s.wantAtLeastOnce(r)
}

// TestStoreNameIsTaken: a file with the name of a block and other bytes is left alone. The block is stored beside it.
func TestStoreNameIsTaken(t *testing.T) {
	r := newRig(t)
	r.publish(20, "s.a")
	r.consumer()
	local := jetcapture.SingleDirStore[string](t.TempDir())
	var names []string
	o := r.toStore(storeFunc(func(ctx context.Context, block io.Reader, key, window, name string) (string, error) {
		if names = append(names, name); len(names) == 1 {
			if _, err := local.Write(ctx, strings.NewReader("something else"), key, window, name); err != nil {
				return "", err
			}
		}
		return local.Write(ctx, block, key, window, name)
	}))
	var at []string
	o.Hooks.BlockStored = func(e jetcapture.BlockStored) { at = append(at, e.Location) }
	capture(r, o)
	base, suffix := strings.TrimSuffix(names[0], ".ndjson.gz"), regexp.MustCompile(`^-[0-9a-f]{8}\.ndjson\.gz$`)
	if len(names) != 2 || len(at) != 1 {
		t.Fatalf("names %q, stored at %q, want two names and one place", names, at)
	}
	if rest, ok := strings.CutPrefix(names[1], base); !ok || !suffix.MatchString(rest) {
		t.Errorf("second name %q, want %q and %s", names[1], base, suffix)
	}
	data, err := os.ReadFile(at[0])
	if err != nil {
		t.Fatal(err)
	}
	plain, err := oracle.Decompress("gzip", data)
	if err != nil || len(oracle.Lines(plain)) != 20 {
		t.Errorf("%d messages at %s (%v), want 20", len(oracle.Lines(plain)), at[0], err)
	}
	taken, err := os.ReadFile(strings.Replace(at[0], names[1], names[0], 1))
	if err != nil || string(taken) != "something else" {
		t.Errorf("the file that was there is now %q, %v", taken, err)
	}
	r.wantPending(0, 0)
}

// TestLocalStores uses the local store of v0.1.0.
func TestLocalStores(t *testing.T) {
	r := newRig(t)
	r.publish(60, "s.a", "s.b", "s.c")
	r.consumer()
	dir := t.TempDir()
	var at []string
	o := r.toStore(jetcapture.SingleDirStore[string](dir))
	o.Hooks.BlockStored = func(e jetcapture.BlockStored) { at = append(at, e.Location) }
	capture(r, o)
	if len(at) != 3 {
		t.Fatalf("blocks at %q", at)
	}
	for _, path := range at {
		if !strings.HasPrefix(path, dir+"/20") {
			t.Errorf("block at %s", path)
		}
	}
}
