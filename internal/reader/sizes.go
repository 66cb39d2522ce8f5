package reader

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// A feed begins with small pulls, and so with a small channel: a process may have a thousand feeds, most of which bring
// little. One whose pulls are used up quickly gets larger ones.
const (
	quietBatch  = 256  // messages of a pull at level 0
	steadyBatch = 4096 // at level 1; the highest level has all that pullLimits allow
	quietBytes  = 64 << 10
	topLevel    = 2

	busyWithin = time.Second      // a pull that is used up within this time was too small
	calmAfter  = 10 * time.Second // a pull was too large if less than one of the level below came in this time
)

// Room is what the readers of a process share: how many bytes their pulls may bring beyond the smallest ones. Any
// goroutine may call it.
type Room interface {
	// Take takes n bytes, or nothing and returns false.
	Take(n int64) bool
	// Give gives n bytes back.
	Give(n int64)
}

// sizer chooses the size of the pulls of a feed. The reader's goroutine owns it.
type sizer struct {
	full   pullLimits // of the highest level
	room   Room       // nil: there is room for any size
	taken  int64      // from room
	level  int
	wanted int // the level to go to, as soon as nothing is outstanding

	since       time.Time // when what follows was last reset
	msgs, bytes int       // received since then

	// What the server owes on the present inbox. The sums of the feed are reset as soon as the server has said of each
	// pull that it has ended, but on a replicated consumer that may overtake the last messages.
	owedMsgs, owedBytes int
}

// owe adds to what the server owes.
func (s *sizer) owe(msgs, bytes int) {
	s.owedMsgs += msgs
	s.owedBytes += bytes
}

// forgive says that nothing is owed any more.
func (s *sizer) forgive() { s.owedMsgs, s.owedBytes = 0, 0 }

// owes reports whether messages may still come. A pull ends when either of the two is used up.
func (s *sizer) owes() bool { return s.owedMsgs > 0 && s.owedBytes > 0 }

// at returns the limits of a level. A pull has never less than least bytes.
func (s *sizer) at(level, least int) pullLimits {
	p := s.full
	switch level {
	case 0:
		p.batch, p.bytes = min(p.batch, quietBatch), min(p.bytes, max(p.bytes/32, quietBytes))
	case 1:
		p.batch, p.bytes = min(p.batch, steadyBatch), min(p.bytes, max(p.bytes/4, quietBytes))
	}
	p.bytes = max(p.bytes, least)
	return p
}

// note counts what came, and judges the present limits.
func (s *sizer) note(now time.Time, p pullLimits) {
	took := now.Sub(s.since)
	switch below := s.at(max(s.level-1, 0), 0); {
	case s.msgs >= p.batch || s.bytes >= p.bytes:
		if s.wanted = s.level; took < busyWithin && s.level < topLevel && s.take(s.level+1) {
			s.wanted = s.level + 1
		}
	case took >= calmAfter && s.level > 0 && s.msgs < below.batch && s.bytes < below.bytes:
		s.wanted = s.level - 1
	case took < calmAfter:
		return
	}
	s.since, s.msgs, s.bytes = now, 0, 0
}

// take makes sure that the pulls of a level have room. Two are outstanding.
func (s *sizer) take(level int) bool {
	need := s.cost(level) - s.taken
	if s.room == nil || need <= 0 {
		return true
	}
	if !s.room.Take(need) {
		return false
	}
	s.taken += need
	return true
}

// give gives back what the pulls of a level do not need.
func (s *sizer) give(level int) {
	if spare := s.taken - s.cost(level); s.room != nil && spare > 0 {
		s.room.Give(spare)
		s.taken -= spare
	}
}

// cost is what the pulls of a level take of room.
func (s *sizer) cost(level int) int64 {
	if level == 0 {
		return 0
	}
	return 2 * int64(s.at(level, 0).bytes-s.at(0, 0).bytes)
}

// resize goes to the wanted level if nothing is outstanding, and reports whether pulls may be sent: as long as
// another level is wanted, none is. A channel cannot grow, so a fresh inbox takes the place of the present one.
// Nothing is lost: what was asked for has come.
func (f *feed) resize(now time.Time) (ready bool, err error) {
	s := &f.sizer
	switch {
	case s.wanted == s.level:
		return true, nil
	case len(f.pulls) == 0 && s.owes() && now.Sub(f.active) > overdue: // it is late, or lost: the next message will tell
		s.wanted = s.level
		s.forgive()
		return true, nil
	case len(f.pulls) > 0 || s.owes() || len(f.ch) > 0:
		return false, nil
	}
	old := f.sub
	f.limits = s.at(s.wanted, f.least)
	if err := f.listen(); err != nil {
		return false, err
	}
	_ = old.Unsubscribe() // fails only on a closed connection
	s.level = s.wanted
	s.forgive()
	s.give(s.level)
	return true, nil
}

// listen subscribes to a fresh inbox, with room for what pulls of the present limits may bring.
func (f *feed) listen() (err error) {
	f.inbox = f.nc.NewInbox()
	f.ch = make(chan *nats.Msg, 4*f.limits.batch+statusReserve)
	if f.sub, err = f.nc.ChanSubscribe(f.inbox+".*", f.ch); err != nil {
		return fmt.Errorf("subscribe to the inbox for messages: %w", err)
	}
	return nil
}
