package top

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/jetcapture/jetcapture/internal/terminal"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, natstest.IgnoreServer()...) }

// seen is a capture that has stored 8 of the sequences from 11 to 20, and has read 9.
func seen(name, from string, change func(*Seen)) Seen {
	fresh := 12.0
	s := Seen{
		Capture: status.Capture{
			Capture: name, Stream: "ORDERS", Output: "/archive", State: "reading", Health: status.Health{Text: "ok"},
			Source: status.Source{
				Connected: true, Server: "n1 2.15.3", FirstSeq: 11, LastSeq: 20, Messages: 10, ReadSeq: 19, Lag: 1,
			},
			Archive:    status.Archive{Cut: 7, StoredSeq: 18, Freshness: &fresh},
			Resources:  status.Resources{Memory: 1 << 20, MemoryLimit: 32 << 20},
			Next:       "the window ends in 5 s",
			RecentCuts: []status.Cut{{N: 7, Reason: "window", From: 16, To: 18, Files: 2, Bytes: 3 << 20, At: time.Now()}},
		},
		Process: Process{From: from, Version: "0.2.0"},
	}
	if change != nil {
		change(&s)
	}
	return s
}

func TestRoster(t *testing.T) {
	var r Roster
	now := time.Now()
	look := func(after time.Duration, all ...Seen) []Row { return r.Add(Found{Now: now.Add(after), Captures: all}) }
	read := func(n int64) func(*Seen) {
		return func(s *Seen) { s.Accounting.Messages, s.Accounting.FileBytes = n, 10*n }
	}
	if rows := look(0, seen("A", "p", read(100))); rows[0].Read >= 0 || len(rows[0].Fresh) != 1 {
		t.Errorf("after one look: %+v", rows[0])
	}
	rows := look(2*time.Second, seen("A", "p", read(300)), seen("A", "q", read(1)))
	if len(rows) != 2 || rows[0].Read != 100 || rows[0].Stored != 1000 || rows[1].Read >= 0 {
		t.Errorf("two processes of a capture: %+v", rows)
	}
	rows = look(3*time.Second, seen("A", "p", read(10)))
	if rows[0].Read >= 0 || rows[1].Missing(now.Add(3*time.Second)) != time.Second {
		t.Errorf("one has started again, one does not answer: %+v", rows)
	}
	bad := func(s *Seen) { s.Health.Code = status.StoreAway }
	rows = look(4*time.Second, seen("A", "p", nil), seen("Z", "p", bad))
	if rows[0].Capture.Capture != "Z" {
		t.Errorf("the most urgent capture is not the first: %+v", rows)
	}
	if rows := look(time.Hour, seen("A", "p", nil)); len(rows) != 1 || len(r.rows) != 1 {
		t.Errorf("captures that have ended an hour ago are still there: %+v", rows)
	}
	for i := range 100 {
		rows = look(time.Hour+time.Duration(i)*time.Second, seen("A", "p", read(int64(i))))
	}
	if len(rows[0].Fresh) != history || rows[0].Read != 1 || len(r.rows["p\x00A"].past) > 12 {
		t.Errorf("after many looks: %d values of freshness, %v/s, %d samples", len(rows[0].Fresh), rows[0].Read,
			len(r.rows["p\x00A"].past))
	}
}

// TestBar: the parts have all sequences, each at least a column if it has a sequence, and together all columns.
func TestBar(t *testing.T) {
	c := seen("A", "p", nil).Capture
	var got []uint64
	for _, p := range parts(&c) {
		got = append(got, p.sequences)
	}
	if fmt.Sprint(got) != "[10 8 1 1]" {
		t.Errorf("dropped, stored, in hand, unread: %v, want 10 8 1 1", got)
	}
	for _, c := range []struct {
		sequences []uint64
		want      string
	}{
		{[]uint64{10, 8, 1, 1}, "[20 16 2 2]"},
		{[]uint64{1, 1_000_000, 1, 1}, "[1 37 1 1]"},
		{[]uint64{0, 0, 0, 0}, "[0 0 0 0]"},
		{[]uint64{0, 0, 0, 5}, "[0 0 0 40]"},
	} {
		all := make([]part, len(c.sequences))
		for i, n := range c.sequences {
			all[i].sequences = n
		}
		if got := fmt.Sprint(shares(all, 40)); got != c.want {
			t.Errorf("%v: %s columns, want %s", c.sequences, got, c.want)
		}
	}
	for _, odd := range []status.Source{ // a stream that was rolled back, one that is empty, one that is not known
		{FirstSeq: 5, LastSeq: 4}, {FirstSeq: 100, LastSeq: 99, ReadSeq: 200}, {},
	} {
		c.Source = odd
		sum := uint64(0)
		for _, p := range parts(&c) {
			sum += p.sequences
		}
		if sum != odd.LastSeq {
			t.Errorf("%+v: parts of %d sequences in all", odd, sum)
		}
	}
}

var sgr = regexp.MustCompile(`\x1b\[[0-9]+m`)

// TestViewFits: no line is wider than the terminal, whatever a capture is called, and nothing in it is obeyed.
func TestViewFits(t *testing.T) {
	hostile := "\x1b[2J\x1b]0;owned\a\u009b1m東京\n" + strings.Repeat("long ", 30)
	evil := func(s *Seen) {
		s.Output, s.Stream, s.Problems, s.Notes = hostile, hostile, []string{hostile}, []string{hostile}
		s.Health = status.Health{Code: 42, Text: hostile}
		s.Process.Host, s.Process.Version, s.Source.Server, s.Waiting = hostile, hostile, hostile, hostile
		s.RecentCuts[0].Reason, s.Next = hostile, hostile
		s.LargestOpen = []status.Open{{Key: []string{hostile, hostile}}, {Dead: true}}
	}
	var r Roster
	for _, all := range [][]Seen{
		{seen("A", "p", nil)}, {seen(hostile, "p", evil)}, {seen("A", "p", nil), seen(hostile, "q", evil)}, {},
	} {
		rows := r.Add(Found{Now: time.Now(), Captures: all})
		for _, style := range []Style{{Color: true, Unicode: true}, {}} {
			for width := 1; width < 200; width += 3 {
				style.Width = width
				v := View{Style: style, Height: width % 50, Title: hostile, Hint: "q ends", Errors: []string{hostile}, Rows: rows}
				for _, line := range v.Lines() {
					text := sgr.ReplaceAllString(line, "")
					if terminal.Printable(text) != text || terminal.Width(text) > width || !style.Color && text != line {
						t.Fatalf("at %d columns: %q", width, line)
					}
				}
			}
		}
	}
}

// TestFleetView: what nobody has comes first, then what is furthest behind, and a small terminal shows some of it.
func TestFleetView(t *testing.T) {
	now := time.Now()
	since, streams := now.Add(-time.Minute), int64(2)
	f := &status.Fleet{
		Stream: "JETCAPTURE_FLEET", Total: 4, Worker: "w1", State: status.Standby, Workers: make([]status.FleetWorker, 2),
		Tasks: []status.FleetTask{
			{Name: "fine", Worker: "w2", Since: &since, Status: &status.TaskStatus{State: "reading"}},
			{Name: "pattern", Worker: "w2", Since: &since, Status: &status.TaskStatus{Streams: &streams}},
			{Name: "behind", Worker: "w2", Since: &since, Status: &status.TaskStatus{State: "reading", Lag: 4711}},
			{Name: "orphan", Failed: &status.Failing{Times: 3, Error: "no such stream", Again: now.Add(9 * time.Second)}},
		},
	}
	v := View{Style: Style{Width: 100, Unicode: true}, Now: now, Fleets: []*status.Fleet{f}}
	text := strings.Join(v.Lines(), "\n")
	for _, want := range []string{
		"fleet JETCAPTURE_FLEET  captures 4, held 3, workers 2  w1: standby", "nobody", "fails, 3 times", "4,711",
		"follows 2 streams", "1 m 0 s", "tried again in 9 s: no such stream",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if !regexp.MustCompile(`(?s)orphan.*behind.*fine`).MatchString(text) || strings.Contains(text, "no capture yet") {
		t.Errorf("the captures are\n%s", text)
	}
	if v.Height = 15; !strings.Contains(strings.Join(v.Lines(), "\n"), "and 1 more") {
		t.Errorf("a small terminal shows\n%s", strings.Join(v.Lines(), "\n"))
	}
}

// TestView: one capture is shown whole, and several in a table with the details of one.
func TestView(t *testing.T) {
	var r Roster
	now := time.Now()
	one := r.Add(Found{Now: now, Captures: []Seen{seen("A", "p", nil)}})
	v := View{Style: Style{Width: 80, Unicode: true}, Now: now, Rows: one}
	wants := func(wants ...string) {
		t.Helper()
		text := strings.Join(v.Lines(), "\n")
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
	}
	server := one[0].Source.Server
	one[0].Source.Server = strings.Repeat("N", 56) + " 2.15.3"
	wants("of NNNNNNNN 2.15.3")
	one[0].Source.Server = server
	one[0].LargestOpen = []status.Open{{Key: []string{"eu", "de"}, Bytes: 5 << 20}, {Dead: true, Bytes: 1}}
	wants("the window ends in 5 s", "eu/de 5.0 MiB, dead letters 1 B")
	wants("● ok, reading", "10 no longer in the stream", "8 stored, still there", "1 in hand", "1 unread", "12 s old",
		"17 to 18", "window", "1.0 MiB of 32 MiB")
	many := []Seen{seen("A", "p", nil)}
	for i := range 40 {
		many = append(many, seen(fmt.Sprintf("B%02d", i), "p", nil))
	}
	v.Now, v.Height = now.Add(time.Second), 24
	v.Rows = r.Add(Found{Now: v.Now, Captures: many})
	wants("41 captures, all healthy", "> A  ", "and 36 more", "● ok, reading")
	v.Selected = 40
	wants("> B39", "and 36 more")
	if n := len(v.Lines()); n != v.Height {
		t.Errorf("%d lines on a terminal of %d", n, v.Height)
	}
	v.Now, v.Height = now.Add(2*time.Second), 0
	v.Rows = r.Add(Found{Now: v.Now})
	wants("41 of 41 not healthy", "silent 1 s", "  B39")
}
