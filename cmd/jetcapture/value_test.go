package main

import (
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/form"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "1000": 1000, "7B": 7, "64MiB": 64 << 20, "64 MiB": 64 << 20, "128MB": 128e6, "10GiB": 10 << 30,
		"1.5GiB": 3 << 29,
		"1kB":    1000, "1KB": 1000, "1KiB": 1024, "2TB": 2e12, "1TiB": 1 << 40, "9223372036854775807": math.MaxInt64,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "MiB", "-1", "-1MiB", "64M", "64Mib", "1e9", "1,5GiB", "0x10", "9223372036854775808", "9000000TiB", "1..5MB",
		"NaN", "Inf", "5 5MB", "1MiBMiB",
	} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", text, got)
		}
	}
}

func TestSizesAndDurationsPrintWhatTheyRead(t *testing.T) {
	for _, n := range []int64{0, 1, 1023, 1024, 1536, 64 << 20, 128e6, 10 << 30, 1 << 40, math.MaxInt64} {
		if got, err := parseSize(formatSize(n)); err != nil || got != n {
			t.Errorf("%d is printed as %q, which is read as %d, %v", n, formatSize(n), got, err)
		}
	}
	for d, want := range map[time.Duration]string{
		15 * time.Minute: "15m", time.Hour: "1h", 90 * time.Minute: "1h30m", 25 * time.Second: "25s", 10 * time.Hour: "10h",
		61 * time.Second:        "1m1s",
		1500 * time.Millisecond: "1.5s", 20 * time.Minute: "20m", 0: "0s",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v is printed as %q, want %q", d, got, want)
		}
		if got, err := parseDuration(want); err != nil || got != d {
			t.Errorf("%q is read as %v, %v, want %v", want, got, err, d)
		}
	}
}

func TestValues(t *testing.T) {
	var (
		n     int
		b     bool
		level slog.Level
		start jetcapture.Start
		word  form.Format
		list  []string
		d     time.Duration
		bytes int64
	)
	for _, tt := range []struct {
		v         value
		text      string
		want      string // what the value prints then
		wantError string
	}{
		{count(&n), "12", "12", ""},
		{count(&n), "-1", "", `"-1" is not a whole number such as 100000`},
		{count(&n), "1.5", "", `"1.5" is not a whole number such as 100000`},
		{boolean(&b), "true", "true", ""},
		{boolean(&b), "maybe", "", `"maybe" is neither true nor false`},
		{logLevel(&level), "debug", "debug", ""},
		{logLevel(&level), "loud", "", `"loud" is not one of debug, info, warn, error`},
		{starting(&start), "17", "17", ""},
		{
			starting(&start), "later", "",
			`start "later" is neither all, new, a stream sequence nor a time such as 2026-11-23T15:00:00Z`,
		},
		{choice(&word, form.NDJSON, form.CSV), "csv", "csv", ""},
		{choice(&word, form.NDJSON, form.CSV), "xml", "", `"xml" is not one of ndjson, csv`},
		{texts(&list), "a,b", "", ""},
		{subjects(new([]string)), "orders.*.>", "", ""},
		{subjects(new([]string)), "orders..7", "", `"orders..7" is not a subject: a part between dots is empty`},
		{duration(&d), "0", "0s", ""},
		{duration(&d), "-1s", "", `"-1s" is not a duration, write it as in 90s, 15m or 1h30m`},
		{positiveDuration(&d), "0s", "", `"0s": must be above 0`},
		{positiveSize(&bytes), "0MiB", "", `"0MiB": must be above 0`},
		{size(&bytes), "12", "12", ""},
	} {
		err := tt.v.Set(tt.text)
		if tt.wantError != "" {
			if err == nil || err.Error() != tt.wantError {
				t.Errorf("Set(%q) gives the error %v, want %s", tt.text, err, tt.wantError)
			}
			continue
		}
		if got := tt.v.String(); err != nil || got != tt.want {
			t.Errorf("Set(%q) gives %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
	if len(list) != 1 || list[0] != "a,b" {
		t.Errorf("a list is %q, want the text as it was: a comma separates nothing", list)
	}
}
