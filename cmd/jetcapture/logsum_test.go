package main

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWarningsAreSummedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		s := newSumming(slog.NewTextHandler(&b, nil))
		log := slog.New(s)
		other := log.With("capture", "two")
		for i := range 20_010 {
			log.Warn("poison message", "seq", i)
			if i < 12 {
				other.Warn("poison message", "seq", i)
			}
			if i < 3 {
				log.Warn("something else")
			}
			log.Info("cut", "n", i)
		}
		log.Error("poison message") // errors always come
		s.sum(time.Now(), false)
		count := func(pattern string) int { return len(regexp.MustCompile("(?m)"+pattern).FindAllString(b.String(), -1)) }
		for pattern, want := range map[string]int{
			`msg="poison message" seq`: sumAfter, `msg="poison message" capture=two`: sumAfter, `msg="something else"`: 3,
			`msg=cut`: 20_010, `level=ERROR`: 1, `more like this`: 0,
		} {
			if got := count(pattern); got != want {
				t.Errorf("%d lines of %s, want %d", got, pattern, want)
			}
		}
		b.Reset()
		time.Sleep(sumEvery) //nolint:forbidigo // the clock of the bubble
		s.sum(time.Now(), false)
		want := []string{
			`level=WARN msg="20,000 more like this in the last 1m: poison message"`,
			`level=WARN msg="2 more like this in the last 1m: poison message" capture=two`,
		}
		for _, line := range want {
			if !strings.Contains(b.String(), line+"\n") {
				t.Errorf("there is no %s in\n%s", line, b.String())
			}
		}
		b.Reset()
		for range sumAfter + 1 {
			log.Warn("poison message")
		}
		s.sum(time.Now(), true)
		if got := count(`msg="poison message"`); got != sumAfter || count(`"1 more like this`) != 1 {
			t.Errorf("in the next minute got\n%s", b.String())
		}
	})
}
