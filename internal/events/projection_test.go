package events

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

var hour = time.Date(2026, 11, 28, 14, 0, 0, 0, time.UTC)

// cut is a finished cut with a file in each of the windows, which begin so many quarters of an hour after hour. last is
// how long after hour its last message was taken, made how long after it the cut was made.
func cut(n uint64, reason cutlog.Reason, last, made time.Duration, windows ...int) cutlog.Head {
	plan := &cutlog.Plan{
		N: n, Reason: reason, Time: hour.Add(made), Incarnation: "1a2b3c4d", Writer: cutlog.Writer{Instance: "one"},
		Anchor:   cutlog.Anchor{Seq: n * 100, Time: hour.Add(last)},
		Settings: cutlog.Settings{cutlog.SettingMaxAge: "15m0s"},
	}
	done := &cutlog.Done{N: n}
	for _, w := range windows {
		plan.Blocks = append(plan.Blocks, cutlog.Block{
			Kind: cutlog.KindData, Dir: fmt.Sprint("w", w), Name: fmt.Sprint(n), Messages: 10, Rows: 10,
			Window: hour.Add(time.Duration(w) * 15 * time.Minute), Seqs: cutlog.NewSeqSet(n*100-1, n*100),
		})
		done.Files = append(done.Files, cutlog.File{Size: 1000, SHA256: "abc"})
	}
	return cutlog.Head{N: n, Plan: plan, Done: done}
}

// told are the events of cuts in short: type and subject.
func told(p *Projection, cuts ...cutlog.Head) (texts []string) {
	before := cutlog.Head{Plan: &cutlog.Plan{Writer: cutlog.Writer{Instance: "one"}}}
	for _, c := range cuts {
		for _, e := range p.Cut(before, c) {
			texts = append(texts, string(e.Type)+" "+e.Subject)
		}
		before = c
	}
	return texts
}

func TestWindows(t *testing.T) {
	const minute = time.Minute
	for _, tt := range []struct {
		name string
		cuts []cutlog.Head
		want []string // without block.stored and cut.done
	}{
		{
			"the cut of a window",
			[]cutlog.Head{cut(2, cutlog.ReasonWindow, 14*minute, 15*minute+time.Second, 0)},
			[]string{"window.complete 2026-11-28T14:15:00Z"},
		},
		{"a cut inside of a window", []cutlog.Head{cut(2, cutlog.ReasonFlush, 14*minute, 14*minute, 0)}, nil},
		{
			"its window ends in the next cut",
			[]cutlog.Head{
				cut(2, cutlog.ReasonFlush, 14*minute, 14*minute, 0),
				cut(3, cutlog.ReasonFull, 16*minute, 16*minute, 1),
			},
			[]string{"window.complete 2026-11-28T14:15:00Z"},
		},
		{
			"a backfill takes many windows",
			[]cutlog.Head{cut(2, cutlog.ReasonFull, 50*minute, 9*time.Hour, 0, 1, 2, 3)},
			[]string{"window.complete 2026-11-28T14:45:00Z"},
		},
		{
			"the newest window of a cut for late messages is open",
			[]cutlog.Head{cut(2, cutlog.ReasonWindow, 20*minute, 21*minute, 0, 1)},
			[]string{"window.complete 2026-11-28T14:15:00Z"},
		},
		{
			"late messages reopen a window",
			[]cutlog.Head{
				cut(2, cutlog.ReasonWindow, 14*minute, 15*minute+time.Second, 0),
				cut(3, cutlog.ReasonWindow, 29*minute, 31*minute, 0, 1),
			},
			[]string{
				"window.complete 2026-11-28T14:15:00Z", "window.reopened 2026-11-28T14:00:00Z",
				"window.complete 2026-11-28T14:30:00Z",
			},
		},
		{
			"the last cut",
			[]cutlog.Head{cut(2, cutlog.ReasonShutdown, 14*minute, 14*minute, 0)},
			[]string{"capture.stopped one"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := slices.DeleteFunc(told(&Projection{Capture: "ORDERS"}, tt.cuts...), func(s string) bool {
				return s[:6] == "block." || s[:4] == "cut."
			})
			if !slices.Equal(got, tt.want) {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}

// TestOrder: what a consumer needs to know comes before what it may conclude.
func TestOrder(t *testing.T) {
	c := cut(5, cutlog.ReasonWindow, 29*time.Minute, 31*time.Minute, 0, 1)
	c.Plan.Opens, c.Plan.Writer.Instance, c.Plan.Stream.Name = true, "two", "ORDERS"
	c.Plan.Lost = []cutlog.LostRange{{Reason: cutlog.LostExpired, Seqs: cutlog.NewSeqSet(7, 8)}}
	got := told(&Projection{Capture: "ORDERS", through: hour.Add(15 * time.Minute)}, c)
	want := []string{
		"capture.started two", "stream.changed ORDERS", "window.reopened 2026-11-28T14:00:00Z", "block.stored w0/5",
		"block.stored w1/5", "sequences.lost expired", "cut.done 5", "window.complete 2026-11-28T14:30:00Z",
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestRetentionRace: a cut that was made for the retention is told once, behind the events that every cut has.
func TestRetentionRace(t *testing.T) {
	got := told(&Projection{Capture: "ORDERS"},
		cut(2, cutlog.ReasonRetention, 16*time.Minute, 16*time.Minute, 0),
		cut(3, cutlog.ReasonFlush, 17*time.Minute, 17*time.Minute, 1))
	want := []string{
		"block.stored w0/2", "cut.done 2", "window.complete 2026-11-28T14:15:00Z", "retention.race 2", "block.stored w1/3",
		"cut.done 3",
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestPosition: a projection that goes on from the position of any event makes the rest of the same events.
func TestPosition(t *testing.T) {
	first, second := cut(2, cutlog.ReasonWindow, 14*time.Minute, 16*time.Minute, 0),
		cut(3, cutlog.ReasonWindow, 29*time.Minute, 31*time.Minute, 0, 1)
	p := &Projection{Capture: "ORDERS"}
	p.Cut(cutlog.Head{}, first)
	all := p.Cut(first, second)
	for i, e := range all {
		at, err := parsePosition(e.Position.String())
		if err != nil {
			t.Fatal(err)
		}
		again := (&Projection{Capture: "ORDERS", through: at.Through}).Cut(first, second)
		for j := range again {
			if after := again[j].after(at); after != (j > i) || again[j].ID != all[j].ID || again[j].Type != all[j].Type {
				t.Errorf("after %s, %s comes after it: %v", e.ID, again[j].ID, after)
			}
		}
	}
}
