package main

import (
	"bytes"
	"strings"
	"testing"
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
	end := o.add(func() jetcapture.Stats {
		return jetcapture.Stats{
			State: "reading", Messages: 5, Dead: 1, Lag: 100, Target: 20, LastSeq: 10, OpenBlocks: 2,
			Memory: 512, Spooled: 512,
		}
	})
	want("reading, 5 messages, lag 10, 2 open blocks, 1.0 KiB held, 1 dead letter")
	o.add(func() jetcapture.Stats { return jetcapture.Stats{Messages: 2, Lag: 3, OpenBlocks: 1} })
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
