package reader

import (
	"fmt"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// purse is a Room of so many bytes.
type purse struct{ left int64 }

func (p *purse) Take(n int64) bool {
	if n > p.left {
		return false
	}
	p.left -= n
	return true
}

func (p *purse) Give(n int64) { p.left += n }

// A feed that is used up quickly gets larger pulls, as far as there is room. One that brings little gets smaller ones,
// and gives the room back.
func TestSizerFollowsTheStream(t *testing.T) {
	full := pullLimits{batch: maxPullBatch, bytes: 4 << 20}
	room := &purse{2 << 20}
	now := time.Now()
	s := sizer{full: full, room: room, since: now}
	come := func(msgs int, took time.Duration) int {
		s.msgs += msgs
		now = now.Add(took)
		s.note(now, s.at(s.level, 0))
		s.level = s.wanted // as resize does
		s.give(s.level)
		return s.level
	}
	for i, step := range []struct {
		msgs  int
		took  time.Duration
		level int
	}{
		{quietBatch - 1, 100 * time.Millisecond, 0},
		{1, 100 * time.Millisecond, 1},
		{steadyBatch, 100 * time.Millisecond, 1}, // there is no room for the next level
		{steadyBatch, calmAfter, 1},
		{quietBatch - 1, calmAfter, 0},
		{quietBatch, 2 * busyWithin, 0},
	} {
		if got := come(step.msgs, step.took); got != step.level {
			t.Fatalf("step %d: level %d, want %d", i, got, step.level)
		}
	}
	if room.left != 2<<20 {
		t.Errorf("%d bytes of the room are left at the end, want all", room.left)
	}
}

// While the size of the pulls goes up and down, each message comes once. A quiet feed has room for few messages only.
func TestFeedChangesItsSize(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	const n = 30_000
	natstest.PublishN(t, nc, "s.a", n)
	r, err := OpenOrdered(natstest.Context(t), NewSource(nc, "", "S"), OrderedConfig{Name: "o"}, Position{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(natstest.Context(t)) })
	if got := cap(r.life.ch); got > 4*quietBatch+statusReserve {
		t.Errorf("a feed begins with room for %d messages", got)
	}
	inboxes := map[string]bool{}
	for next := uint64(1); next <= n; {
		if next%2000 == 0 { // a calm time, without the wait
			r.life.sizer.wanted = max(r.life.sizer.level-1, 0)
		}
		b, err := r.Next(natstest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		inboxes[r.life.inbox] = true
		for _, m := range b.Messages {
			if m.Seq != next {
				t.Fatal(fmt.Errorf("message %d came, want %d", m.Seq, next))
			}
			next++
		}
	}
	if len(inboxes) < 3 {
		t.Errorf("%d inboxes, want one for each size", len(inboxes))
	}
}
