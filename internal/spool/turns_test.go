package spool

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// Frames of several spools take turns, those of one keep their order. Even with no room left, a spool may hand over its
// first frame.
func TestFramesTakeTurns(t *testing.T) {
	c := newCompressors(Config{FrameSize: 10}, func(int64) {}) // without workers, and with a limit of 0
	c.limit = 40
	a, b := &Spool{}, &Spool{}
	submit := func(s *Spool, name string) {
		if !c.enqueue(&job{content: content{mem: 10, chunks: [][]byte{[]byte(name)}}, out: &Sealed{s: s}}) {
			t.Fatalf("frame %s was refused", name)
		}
	}
	for _, name := range []string{"a1", "a2", "a3", "a4"} {
		submit(a, name)
	}
	submit(b, "b1")
	var order []string
	for len(c.turns) > 0 {
		order = append(order, string(c.next(nil).chunks[0]))
	}
	if got := strings.Join(order, " "); got != "a1 b1 a2 a3 a4" {
		t.Errorf("the order is %s", got)
	}
}

func TestFair(t *testing.T) {
	for _, tt := range []struct {
		all  int64
		held []int64
		want int64
	}{
		{100, nil, math.MaxInt64},
		{100, []int64{50, 50}, math.MaxInt64},
		{100, []int64{10, 200, 300}, 45},
		{100, []int64{200}, 100},
		{90, []int64{31, 31, 31}, 30},
	} {
		if got := fair(tt.all, slices.Clone(tt.held)); got != tt.want {
			t.Errorf("fair(%d, %v) = %d, want %d", tt.all, tt.held, got, tt.want)
		}
	}
}
