package events

import (
	"os"
	"path/filepath"
	"strings"
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
	last, _, err := f.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if err := f.Put(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return last
}
