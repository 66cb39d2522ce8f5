package jetcapture_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestMessagesLargerThanTheBudget: messages in flight and open blocks take no more than some of the largest messages,
// and nothing is lost.
func TestMessagesLargerThanTheBudget(t *testing.T) {
	const size, limit = 1_000_000, 256 << 10
	for _, disk := range []bool{true, false} {
		t.Run(fmt.Sprint("disk ", disk), func(t *testing.T) {
			r := newRig(t)
			r.publishNoise(6, size, "s.a", "s.b")
			var most atomic.Int64
			var stats atomic.Pointer[func() jetcapture.Stats]
			o := with(r.options(), func(o *options) {
				o.Once, o.MemoryLimit, o.BufferToDisk, o.Compression = false, limit, disk, jetcapture.None
				decode := o.MessageDecoder
				o.MessageDecoder = func(m *nats.Msg) (*jetcapture.NatsMessage, string, error) {
					if s := stats.Load(); s != nil {
						most.Store(max(most.Load(), (*s)().Memory))
					}
					return decode(m)
				}
			})
			c := start(r, r.nc, o)
			stats.Store(&c.Stats)
			c.untilRead(6)
			c.finish()
			r.wantAll()
			if batch := int64(5 * size * 4 / 3); most.Load() > limit+batch { // as rows, in base64
				t.Errorf("%d bytes in memory, the budget is %d, and a batch %d", most.Load(), limit, batch)
			}
		})
	}
}

// holding makes the decoder of o wait for a value of let before each message.
func holding(o *options) (let chan struct{}) {
	let = make(chan struct{})
	decode := o.MessageDecoder
	o.MessageDecoder = func(m *nats.Msg) (*jetcapture.NatsMessage, string, error) {
		<-let
		return decode(m)
	}
	return let
}

// TestSlowDecoder: reading waits for the decoder, and the state says so. A stop waits for one message only, not for the
// batch, and leaves the rest in the stream.
func TestSlowDecoder(t *testing.T) {
	r := newRig(t)
	r.publish(400)
	o := with(r.options(), func(o *options) { o.Once, o.MemoryLimit = false, 1<<20 })
	let := holding(&o)
	c := start(r, r.nc, o)
	waits := func(s jetcapture.Stats) bool { return s.State == jetcapture.StateDecoder }
	for range 3 {
		c.untilState(jetcapture.StateDecoder)
		let <- struct{}{}
	}
	c.until("messages that are counted before their batch is done", func(s jetcapture.Stats) bool {
		return s.Messages > 0 && waits(s)
	})
	c.stop()
	natstest.Eventually(t, patience, "stop", func() bool {
		select {
		case let <- struct{}{}:
		default:
		}
		return len(c.ended) > 0
	})
	c.finish()
	if s := c.Stats(); s.Messages >= 100 || s.StoredSeq != uint64(s.Messages) || s.Lag != 400-uint64(s.Messages) {
		t.Errorf("stats %+v", s)
	}
	capture(r, r.options())
	r.wantAll()
}

// TestSlowDecoders: reading waits for decode workers, and the state says so.
func TestSlowDecoders(t *testing.T) {
	r := newRig(t)
	r.publish(400)
	o := with(r.options(), func(o *options) { o.Once, o.DecodeWorkers = false, 2 })
	let := holding(&o)
	c := start(r, r.nc, o)
	c.untilState(jetcapture.StateDecoder)
	close(let)
	c.untilRead(400)
	c.untilState(jetcapture.StateReading)
	c.finish()
	r.wantAll()
}

// slowWriter waits for a value of let before each Write.
type slowWriter struct {
	jetcapture.FormattedDataWriter[*jetcapture.NatsMessage]
	let chan struct{}
}

// Write implements jetcapture.FormattedDataWriter.
func (w slowWriter) Write(m *jetcapture.NatsMessage) (int, error) {
	<-w.let
	return w.FormattedDataWriter.Write(m)
}

// TestSlowWriter: reading waits for a writer, and the state says so.
func TestSlowWriter(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	let := make(chan struct{})
	o := with(r.options(), func(o *options) {
		factory := o.WriterFactory
		o.Once, o.WriterFactory = false, func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
			return slowWriter{factory(), let}
		}
	})
	c := start(r, r.nc, o)
	c.untilState(jetcapture.StateWriter)
	close(let)
	c.untilRead(100)
	c.finish()
	r.wantAll()
}

// TestSlowStore: when open blocks are at their limit, reading waits for the store, and the state says so. The spool
// stays within its limits.
func TestSlowStore(t *testing.T) {
	const memory, disk = 1 << 20, 1 << 20
	for _, toDisk := range []bool{true, false} {
		t.Run(fmt.Sprint("disk ", toDisk), func(t *testing.T) {
			r := newRig(t)
			r.server = natstest.Start(t, func(o *server.Options) { o.MaxPayload = 64 << 10 }) // so that little is in flight
			r.nc = r.server.Connect()
			r.createStream()
			gate, open := gated(r.bucket)
			o := with(r.continuous(), func(o *options) {
				o.Archive.Bucket, o.Compression = gate, jetcapture.None
				o.MemoryLimit, o.SpoolLimit, o.BufferToDisk = memory, disk, toDisk
			})
			c := start(r, r.nc, o)
			r.publishNoise(800, 4000, "s.a", "s.b", "s.c") // 4 MB as rows
			before := c.untilStalled()
			// Rows are larger than their messages, and the compressors have room of their own.
			if before.Spooled > disk || before.Memory > memory+2<<20 {
				t.Errorf("%d bytes on disk and %d in memory, want at most %d and %d",
					before.Spooled, before.Memory, disk, memory+2<<20)
			}
			if before.Messages >= 800 || before.StoredSeq != 0 {
				t.Errorf("%d messages read, stored up to %d, want less than 800 and 0", before.Messages, before.StoredSeq)
			}
			open()
			c.untilStored(800)
			c.finish()
			if s := c.Stats(); s.Reasons["pressure"] < 2 {
				t.Errorf("stats %+v", s)
			}
			r.wantAll()
		})
	}
}

// untilStalled waits until the capture waits for the store, and has read nothing for a second.
func (c *running) untilStalled() (stats jetcapture.Stats) {
	c.t.Helper()
	since := time.Now()
	c.until("capture that waits for the store", func(s jetcapture.Stats) bool {
		if s.State != jetcapture.StateStore || s.Messages != stats.Messages {
			stats, since = s, time.Now()
		}
		return time.Since(since) > time.Second
	})
	return stats
}

// TestPlanOfWhatIsOpenIsFull: while a cut is being stored, reading waits before the next plan is larger than a record
// may be.
func TestPlanOfWhatIsOpenIsFull(t *testing.T) {
	r := newRig(t)
	gate, _ := gated(r.bucket) // it is never opened
	r.publish(10)
	key := strings.Repeat("\x01", 15_500) // 93,000 bytes in a plan
	o := with(r.continuous(), func(o *options) {
		o.Archive.Bucket, o.DrainTimeout = gate, time.Millisecond
		o.MessageDecoder = keyed(func(seq uint64) string {
			if seq <= 10 {
				return "first"
			}
			return fmt.Sprint(key, seq)
		})
	})
	c := start(r, r.nc, o)
	c.until("cut that is being stored", func(jetcapture.Stats) bool { return r.planned(2) })
	r.publish(640) // nearly 60 of the 64 MiB
	c.untilStalled()
	r.publish(100)
	r.wantDelivered(750)
	if s := c.untilStalled(); s.LastSeq != 650 || s.OpenBlocks != 640 {
		t.Errorf("stats %+v", s)
	}
	c.stop()
	err := c.end()
	wantText(t, err, "up to stream sequence 650 not stored")
	capture(r, r.options())
	r.wantAll()
}

// wantDelivered waits until the server has delivered messages up to a stream sequence to the only consumer.
func (r *rig) wantDelivered(seq uint64) {
	r.t.Helper()
	natstest.Eventually(r.t, patience, fmt.Sprintf("delivery of sequence %d", seq), func() bool {
		return slices.ContainsFunc(r.consumers(), func(c *jetstream.ConsumerInfo) bool { return c.Delivered.Stream >= seq })
	})
}

// consumers returns the consumers of the stream.
func (r *rig) consumers() (all []*jetstream.ConsumerInfo) {
	r.t.Helper()
	for info := range r.stream().ListConsumers(r.t.Context()).Info() {
		all = append(all, info)
	}
	return all
}
