package engine_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// filler fills cuts with messages of a stream.
type filler struct {
	cut    *engine.Cut
	blocks map[string]*engine.Block // open in cut
}

// take puts a message into the block of a key, or leaves it out if key is empty.
func (f *filler) take(seq uint64, key string) {
	f.cut.Through = seq
	f.cut.Last = cutlog.Anchor{Seq: seq, Hash: fmt.Sprint(seq)}
	if f.cut.Marks() {
		f.cut.Mark(f.cut.Last)
	}
	if key == "" {
		f.cut.Skip(seq)
		return
	}
	b := f.blocks[key]
	if b == nil {
		b = &engine.Block{Kind: cutlog.KindData, Dir: key}
		f.blocks[key] = b
		f.cut.Open(b)
	}
	f.cut.Add(b, seq, 1)
}

// TestJoin compares the plan of one cut with that of many that were joined. A join moves no message and no anchor.
func TestJoin(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		start := engine.NewCut(0, cutlog.Anchor{})
		for range rng.IntN(300) { // the cuts begin anywhere on the grid of the anchors
			start.Marks()
		}
		one := filler{start.Next(), map[string]*engine.Block{}}
		open := filler{start.Next(), map[string]*engine.Block{}}
		var ended *engine.Cut
		seq, window := uint64(0), 0
		for range 1 + rng.IntN(2000) {
			seq += 1 + rng.Uint64N(2)
			if rng.IntN([]int{1, 10, 1000}[seed%3]) == 0 && !open.cut.Empty() {
				window++
				open.cut.Through = seq - 1
				next := filler{open.cut.Next(), map[string]*engine.Block{}}
				if ended == nil {
					ended = open.cut
				} else {
					ended.Join(open.cut)
				}
				open = next
			}
			key := []string{"", "a", "b", "c"}[rng.IntN(4)]
			if key != "" {
				key = fmt.Sprint(key, window)
			}
			one.take(seq, key)
			open.take(seq, key)
		}
		head := cutlog.Head{Plan: &cutlog.Plan{}}
		want := one.cut.Plan(head, engine.Facts{})
		c := engine.Collected{Ended: ended, Open: open.cut}
		for range 2 { // the view of everything changes neither side
			if got := c.Whole().Plan(head, engine.Facts{}); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: the cuts seen as one have another plan:\n%+v\n%+v", seed, got, want)
			}
		}
		if ended == nil {
			continue
		}
		if open.cut.From != ended.Through {
			t.Fatalf("seed %d: the boundary is at %d and at %d", seed, ended.Through, open.cut.From)
		}
		ended.Join(open.cut)
		if got := ended.Plan(head, engine.Facts{}); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: the joined cuts have another plan:\n%+v\n%+v", seed, got, want)
		}
	}
}
