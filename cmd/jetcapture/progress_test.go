package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetcapture/jetcapture"
)

func TestProgressLine(t *testing.T) {
	var p progress
	at := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		after time.Duration
		stats jetcapture.Stats
		want  string
	}{
		{0, jetcapture.Stats{Lag: 1000000}, "reading, 0 messages, lag 1,000,000, 0 open blocks, 0 B held"},
		{
			time.Second,
			jetcapture.Stats{Messages: 100000, Lag: 900000, OpenBlocks: 3, Memory: 1 << 20, Spooled: 1 << 20},
			"reading, 100,000 messages, 100,000/s, lag 900,000, 3 open blocks, 2.0 MiB held, 9s left",
		},
		{
			20 * time.Second,
			jetcapture.Stats{Messages: 100000, Lag: 901000, Dead: 2},
			"reading, 100,000 messages, 0/s, lag 901,000, 0 open blocks, 0 B held, 2 dead letters",
		},
		{
			25 * time.Second,
			jetcapture.Stats{Messages: 1000000, Lag: 5, Target: 1000, LastSeq: 1000},
			"reading, 1,000,000 messages, 180,000/s, lag 0, 0 open blocks, 0 B held",
		},
	} {
		if got := p.line(at.Add(tt.after), "reading", tt.stats); got != tt.want {
			t.Errorf("after %v:\ngot  %s\nwant %s", tt.after, got, tt.want)
		}
	}
}

func TestProgressOfSeveralCaptures(t *testing.T) {
	var o overview
	want := func(text string) {
		t.Helper()
		var p progress
		state, stats := o.stats()
		if got := p.line(time.Now(), state, stats); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
	}
	want("connecting, 0 messages, lag 0, 0 open blocks, 0 B held")
	end := o.add("one", func() jetcapture.Stats {
		return jetcapture.Stats{
			State: "reading", Messages: 5, Dead: 1, Lag: 100, Target: 20, LastSeq: 10, OpenBlocks: 2,
			Memory: 512, Spooled: 512,
		}
	})
	want("reading, 5 messages, lag 10, 2 open blocks, 1.0 KiB held, 1 dead letter")
	o.add("two", func() jetcapture.Stats { return jetcapture.Stats{Messages: 2, Lag: 3, OpenBlocks: 1} })
	want("2 captures, 7 messages, lag 13, 3 open blocks, 1.0 KiB held, 1 dead letter")
	end()
	want("2 captures, 1 ended, 7 messages, lag 3, 1 open block, 0 B held, 1 dead letter")
}

func TestScreenKeepsTheLineBelowTheLog(t *testing.T) {
	var b bytes.Buffer
	s := newScreen(&b)
	say(s, "one\n")
	s.show("progress")
	say(s, "two\n")
	s.show(strings.Repeat("x", 100))
	s.show("")
	s.show("")
	say(s, "three\n")
	want := "one\n" + clearLine + "progress" + clearLine + "two\nprogress" + clearLine + strings.Repeat("x", 79) +
		clearLine + "three\n"
	if got := b.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234",
		-123: "-123",
	} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 3 << 19: "1.5 MiB",
		1 << 41: "2.0 TiB",
	} {
		if got := byteText(n); got != want {
			t.Errorf("byteText(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestSummaryText(t *testing.T) {
	s := summary{
		Stream: "ORDERS", Output: "/a", Messages: 1234567, Rows: 1234560, DeadLetters: 7, Skipped: 1, Lost: 2, Redone: 1,
		Files: 1, FileBytes: 5 << 20,
		Cuts: 3, Reasons: map[string]int64{"window": 2, "once": 1}, StoredSeq: 1234600, Seconds: 123.456,
	}
	var b bytes.Buffer
	s.text(&b)
	want := `1,234,567 messages of stream ORDERS in 2m3s (10,000/s): 1,234,560 rows in 1 file, 5.0 MiB, below /a
7 dead letters, kept below _deadletter
1 message skipped
2 messages lost by the stream before they were captured
1 cut finished that an earlier run had begun
3 cuts (1 once, 2 window): stream sequences 1 to 1234600, all of them stored but for 2 lost, 1 skipped
`
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestShellText(t *testing.T) {
	for path, want := range map[string]string{
		"./a/b=c%5F": "./a/b=c%5F", "a b": "'a b'", "": "''", "it's": `'it'\''s'`,
		"$HOME": "'$HOME'",
	} {
		if got := shellText(path); got != want {
			t.Errorf("shellText(%q) = %s, want %s", path, got, want)
		}
	}
}

// TestTheLogLives: without a terminal, the log says once a minute how far each capture is.
func TestTheLogLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		r := newRunner(console{stderr: &b, logJSON: new(atomic.Bool)}, &reportSettings{})
		stats := jetcapture.Stats{State: jetcapture.StateReading, Lag: 5, LastSeq: 9, StoredSeq: 7, OpenBlocks: 2}
		var mu sync.Mutex
		end := r.overview.add("ORDERS", func() jetcapture.Stats {
			mu.Lock()
			defer mu.Unlock()
			return stats
		})
		stop := r.report(t.Context())
		minute := func() {
			time.Sleep(logProgressEvery) //nolint:forbidigo // the clock of the bubble
			synctest.Wait()
		}
		minute()
		mu.Lock()
		stats.Messages, stats.State = 600, jetcapture.StateRedo
		stats.Storing = jetcapture.Storing{Cut: 3, Files: 4, Of: 50, Read: 10, ReadTo: 90}
		mu.Unlock()
		minute()
		end()
		minute()
		stop()
		const facts = " lag=5 last_seq=9 stored_seq=7 messages_per_second=%d open_files=2 held_bytes=0"
		want := "level=INFO msg=progress capture=ORDERS state=reading" + fmt.Sprintf(facts, 0) + "\n" +
			"level=INFO msg=progress capture=ORDERS state=redo" + fmt.Sprintf(facts, 10) +
			" cut=3 files=4 of_files=50 read_again=10 of_sequences=90\n"
		if got := regexp.MustCompile(`(?m)^time=\S+ `).ReplaceAllString(b.String(), ""); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

func TestProgressOfACut(t *testing.T) {
	for want, s := range map[string]jetcapture.Storing{
		"":                            {Cut: 3, Of: 1},
		"1,200 of 5,000 files stored": {Cut: 3, Files: 1200, Of: 5000},
		"read again 10 of 2,000":      {Cut: 3, Of: 5, Read: 10, ReadTo: 2000},
	} {
		if got := storingText(s); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}

// TestTheLogIsJSONToTheLastLine: errors and the summary, too, also of a command line that cannot be read.
func TestTheLogIsJSONToTheLastLine(t *testing.T) {
	srv, _ := orders(t, "1", "")
	place := []string{"--output", t.TempDir(), "--nats-server", srv.URL(), "--once", "--log-json"}
	for name, tt := range map[string]struct {
		args []string
		last string
	}{
		"done":   {[]string{"-s", "ORDERS"}, `"msg":"summary"`},
		"failed": {[]string{"-s", "NOWHERE"}, `"level":"ERROR"`},
		"usage":  {[]string{"-s", "ORDERS", "--colour"}, `"level":"ERROR"`},
	} {
		r := environment{}.run(t, append(append([]string{"run"}, tt.args...), place...)...)
		lines := r.lines()
		for _, line := range lines {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: not JSON: %s", name, line)
			}
		}
		if last := lines[len(lines)-1]; !strings.Contains(last, tt.last) {
			t.Errorf("%s: the last line is %s, want %s", name, last, tt.last)
		}
		if took := regexp.MustCompile(`"took":[^,]*`).FindString(r.stderr); name == "done" && !strings.HasSuffix(took, `s"`) {
			t.Errorf("a duration without a unit: %s", took)
		}
	}
}
