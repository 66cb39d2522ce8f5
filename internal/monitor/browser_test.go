package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/status"
)

// browser returns the command of a Chromium, or an empty string if there is none. In CI that is a failure.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const left = "there is no Chromium here: the test of the page in a browser is left out"
	if os.Getenv("CI") == "true" {
		t.Fatal(left)
	}
	fmt.Println("LEFT OUT: " + left)
	return ""
}

// render loads the page of a board in a browser and returns what has become of it.
func render(t *testing.T, chromium string, b *Board) string {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer Serve(l, handler(b, false), slog.New(slog.DiscardHandler))()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=3000", "--dump-dom", "http://"+l.Addr().String()+"/").Output()
	if err != nil {
		t.Fatalf("%s: %v", chromium, err)
	}
	return string(out)
}

// TestPageInABrowser: the page shows a capture that runs, one whose store is away, and one that has lost messages; and
// no text of theirs becomes an element of the page.
func TestPageInABrowser(t *testing.T) {
	chromium := browser(t)
	if chromium == "" {
		return
	}
	const hostile = `<img src=x onerror="document.title='owned'"><script>document.title="owned"</script>`
	var b Board
	running(&b, func(s *jetcapture.Stats) {
		s.Messages, s.StoredSeq, s.LastSeq, s.OpenBlocks = 4711, 40, 50, 1
		s.Stream = jetcapture.StreamStats{FirstSeq: 11, LastSeq: 60, Messages: 50}
		cut := jetcapture.CutDone{N: 7, Reason: "window", From: 30, To: 40}
		s.Recent = []jetcapture.RecentCut{{CutDone: cut, At: s.Began}}
	})
	for name, change := range map[string]func(s *jetcapture.Stats){
		"AWAY": func(s *jetcapture.Stats) {
			s.State, s.StoreFailing, s.StoreError = jetcapture.StateStore, s.Began.Add(-time.Minute), "put "+hostile
		},
		"LOST" + hostile: func(s *jetcapture.Stats) { s.Lost, s.LostBy = 3, map[string]int64{"expired": 3} },
	} {
		running(&b, change).what.Capture = name
	}
	busy := running(&b, func(s *jetcapture.Stats) { s.OpenBlocks, s.OldestTime = 7, s.Began })
	busy.what.Capture = "OPEN"
	busy.Run(&fake{change: busy.runs.(*fake).change, open: []jetcapture.OpenBlock{
		{Key: []string{"eu", hostile}, Window: time.Unix(0, 0).UTC(), Messages: 3, Bytes: 5 << 20}, {Dead: true, Bytes: 1},
	}})
	b.Fleet = func() *status.Fleet { return someFleet(hostile) }
	page := render(t, chromium, &b)
	for _, want := range []string{
		"ok, reading", "10 no longer in the stream", "30 stored, still in the stream", "10 in hand", "10 unread",
		"31 – 40", "window", "store away", "failing for 1 m 0 s: put &lt;img", "losses recorded", "3 expired",
		"LOST&lt;img", "eu / &lt;img", "1970-01-01 00:00", "5.0 MiB", "dead letters", "and 5 more", "the window ends in",
		"too busy to say",
		"● standby", "orphan&lt;img", "nobody", "waits for a worker", "follows 2 streams", "reading&lt;img", "4,711",
		"ending (moved)", "is no capture", "drained", "and 1 more",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	body := page[strings.Index(page, `<main>`):]
	if strings.Contains(body, "<img") || strings.Contains(page, "<title>owned") || strings.Count(page, "<script>") != 1 {
		t.Errorf("a text has become an element: %s", body)
	}
	if t.Failed() {
		t.Logf("the page: %s", body)
	}
}
