package spool

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Pool is what several spools share: memory, disk and compressors. A spool takes what it needs without asking. As
// soon as all of them hold more than the pool has, those above their fair part spill, and those above their fair part
// of the disk stop reading and make cuts. So nobody waits for another one with something in hand, and a spool that
// wakes up has its fair part at once.
//
// The fair part is the one of a fair hand-out: who needs less than it has what it needs, and the others share the rest
// in equal parts.
//
// A Pool is safe for concurrent use. It has no end: its compressors end by themselves when no frame is left.
type Pool struct {
	memory, disk int64 // budgets in bytes; disk 0: none
	frames       *compressors
	turns        chan struct{} // holds a value for each turn that was taken

	used, cached atomic.Int64 // memory of all members
	fairMemory   atomic.Int64 // as of the last judge
	fairDisk     atomic.Int64
	judged       atomic.Int64 // when, in nanoseconds

	mu      sync.Mutex // guards members
	members []*Spool
}

// judgeEvery is how old a hand-out may be. Until the next one, those above it may be late to hear of it.
const judgeEvery = 50 * time.Millisecond

// NewPool returns a pool of so many bytes of memory and of disk, which no spool has joined. With a disk of 0, the
// disk has no limit. workers compress; 0: one for each processor.
func NewPool(memory, disk int64, workers int) *Pool {
	p := &Pool{memory: memory, disk: disk}
	c := Config{Workers: workers}.withDefaults()
	p.turns = make(chan struct{}, c.Workers)
	p.frames = newCompressors(c, func(n int64) { p.used.Add(n) })
	p.fairMemory.Store(memory)
	p.fairDisk.Store(disk)
	return p
}

// Left is how many bytes of memory nobody holds.
func (p *Pool) Left() int64 { return max(0, p.memory-p.used.Load()) }

// Turn waits for a turn at work that takes memory beside the spools, such as encoding what they have kept. There are as
// many as compressors, and those that wait are served in order. The holder of one must not wait for another. done gives
// it back.
func (p *Pool) Turn(ctx context.Context) (done func(), err error) {
	select {
	case p.turns <- struct{}{}:
		return func() { <-p.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *Pool) join(s *Spool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members = append(p.members, s)
}

// leave takes a member out, with what it still counts for.
func (p *Pool) leave(s *Spool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members = slices.DeleteFunc(p.members, func(other *Spool) bool { return other == s })
	s.mem.mu.Lock()
	defer s.mem.mu.Unlock()
	s.mem.shrink(0)
	p.used.Add(-s.mem.used.Swap(0))
}

// excess is Spool.excess.
func (p *Pool) excess(s *Spool) int64 {
	total := p.used.Load() - p.memory
	if total <= 0 {
		return total
	}
	p.judge()
	return min(total, s.mem.used.Load()-p.fairMemory.Load())
}

// diskOver is Spool.diskOver. The members may together hold half of the disk: the other half is for those that wake up
// while the others make their cuts.
func (p *Pool) diskOver(s *Spool) bool {
	mine := s.onDisk()
	if mine == 0 {
		return false
	}
	p.judge()
	return mine >= p.fairDisk.Load()
}

// judge finds the fair parts, and pokes those that hold more, unless that was done a moment ago.
func (p *Pool) judge() {
	now, last := time.Now().UnixNano(), p.judged.Load()
	if now-last < int64(judgeEvery) || !p.judged.CompareAndSwap(last, now) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	memory, disk := make([]int64, len(p.members)), make([]int64, len(p.members))
	for i, s := range p.members {
		memory[i], disk[i] = s.mem.used.Load(), s.onDisk()
	}
	p.fairMemory.Store(fair(p.memory, slices.Clone(memory)))
	p.fairDisk.Store(fair(p.room(), slices.Clone(disk)))
	for i, s := range p.members {
		if memory[i] > p.fairMemory.Load() || p.disk > 0 && disk[i] >= p.fairDisk.Load() {
			select {
			case s.poked <- struct{}{}:
			default: // it has not heard of the last one
			}
		}
	}
}

// room is the disk that the members share.
func (p *Pool) room() int64 {
	if len(p.members) > 1 {
		return p.disk / 2
	}
	return p.disk
}

// fair returns the largest part that nobody may exceed if all that is there is handed out. It is as good as no limit if
// there is enough for all. It changes held.
func fair(all int64, held []int64) int64 {
	slices.Sort(held)
	for i, n := range held {
		part := all / int64(len(held)-i)
		if n > part {
			return part
		}
		all -= n
	}
	return math.MaxInt64
}
