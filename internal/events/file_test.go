package events

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// TestFileIsCutOff: a crash in the middle of a line loses that line only, and the next start goes on behind the last
// whole one.
func TestFileIsCutOff(t *testing.T) {
	name := filepath.Join(t.TempDir(), "events.ndjson")
	p := &Projection{Capture: "ORDERS"}
	all := p.Cut(cutlog.Head{}, cut(2, cutlog.ReasonWindow, 14*time.Minute, 16*time.Minute, 0))
	put(t, name, all[:2])
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for torn := range 3 {
		text := string(whole) + `{"specversion":"1.0","id`[:torn*12]
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if last := put(t, name, nil); last.after(all[1].Position) || all[1].after(last) {
			t.Errorf("%d bytes behind the last line: the last event is %s, want %s", torn*12, last, all[1].Position)
		}
		put(t, name, all[2:])
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), "\n"); n != len(all) || strings.Count(string(b), `"specversion"`) != n {
			t.Errorf("%d lines, want %d:\n%s", n, len(all), b)
		}
	}
}

// put opens the file, appends events, and returns where the file was before.
func put(t *testing.T, name string, all []Event) Position {
	t.Helper()
	f, err := OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sink := f.Of("ORDERS")
	last, _, err := sink.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if err := sink.Put(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

// TestFileOfSeveralCaptures: each goes on behind its own last line, however far in front that is, also after a line of
// another one could not be written.
func TestFileOfSeveralCaptures(t *testing.T) {
	name := filepath.Join(t.TempDir(), "events.ndjson")
	captures := []string{"A", "A.B", "quiet"}
	want := map[string]Position{}
	for round := range 2 {
		f, err := OpenFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		for _, capture := range captures {
			sink := f.Of(capture)
			last, found, err := sink.Last(t.Context())
			if err != nil || found != (round > 0) || last != want[capture] {
				t.Errorf("%s in round %d: %v, %t, %v, want %v", capture, round, last, found, err, want[capture])
			}
			events := eventsOf(capture, round, 100)
			if capture == "quiet" {
				events = events[:1]
			}
			want[capture] = events[len(events)-1].Position
			running.Go(func() {
				for _, e := range events {
					if err := sink.Put(t.Context(), e); err != nil {
						t.Error(err)
					}
				}
			})
		}
		running.Wait()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n != 2*(100+100+1) || strings.Count(string(b), `"specversion"`) != n {
		t.Errorf("%d lines of %d bytes", n, len(b))
	}
}

// eventsOf are n events of a capture, each with 4000 bytes of data.
func eventsOf(capture string, cut, n int) (events []Event) {
	for k := range n {
		events = append(events, Event{
			Position: Position{N: uint64(cut) + 1, K: k, Through: hour}, ID: capture, Type: BlockStored,
			Source: sourceOf(capture), Time: hour, Data: strings.Repeat("x", 4000),
		})
	}
	return events
}

// TestFileAfterAFailedLine: what a line leaves that could not be written is gone when a shorter one follows.
func TestFileAfterAFailedLine(t *testing.T) {
	name := filepath.Join(t.TempDir(), "events.ndjson")
	f, err := OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.f.WriteAt([]byte(strings.Repeat("{torn", 1000)), 0); err != nil {
		t.Fatal(err)
	}
	f.torn = true
	if err := f.Of("B").Put(t.Context(), eventsOf("B", 0, 1)[0]); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil || strings.Contains(string(b), "torn") {
		t.Errorf("%.80q, %v", b, err)
	}
}
