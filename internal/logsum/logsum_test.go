package logsum

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// buffer is a bytes.Buffer that timers may write to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

func TestWarningsAreSummedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b buffer
		h := New(slog.NewTextHandler(&b, nil))
		log := slog.New(h)
		other := log.With("capture", "two")
		for i := range 20_010 {
			log.Warn("poison message", "seq", i)
			if i < 12 {
				other.Warn("poison message", "seq", i)
				log.Error("poison message", "seq", i)
			}
			if i < 3 {
				log.Warn("something else")
			}
			log.Info("cut", "n", i)
		}
		count := func(pattern string) int { return len(regexp.MustCompile("(?m)"+pattern).FindAllString(b.String(), -1)) }
		for pattern, want := range map[string]int{
			`WARN msg="poison message" seq`: After, `msg="poison message" capture=two`: After, `msg="something else"`: 3,
			`msg=cut`: 20_010, `level=ERROR`: After, `more like this`: 0,
		} {
			if got := count(pattern); got != want {
				t.Errorf("%d lines of %s, want %d", got, pattern, want)
			}
		}
		b.Reset()
		time.Sleep(Every) //nolint:forbidigo // the clock of the bubble
		synctest.Wait()
		for _, line := range []string{
			`level=WARN msg="20,000 more like this in the last minute: poison message"`,
			`level=WARN msg="2 more like this in the last minute: poison message" capture=two`,
			`level=ERROR msg="2 more like this in the last minute: poison message"`,
		} {
			if !strings.Contains(b.String(), line+"\n") {
				t.Errorf("there is no %s in\n%s", line, b.String())
			}
		}
		b.Reset()
		for range After + 1 {
			log.Warn("poison message")
		}
		time.Sleep(time.Second) //nolint:forbidigo // the clock of the bubble
		h.Flush()
		if got := count(`msg="poison message"`); got != After || count(`"1 more like this in the last 1s`) != 1 {
			t.Errorf("in the next minute got\n%s", b.String())
		}
		b.Reset()
		time.Sleep(Every) //nolint:forbidigo // the clock of the bubble
		h.Flush()
		if b.String() != "" {
			t.Errorf("what was flushed came again:\n%s", b.String())
		}
	})
}

// TestFewAMinuteAreAllLogged: each minute counts for itself.
func TestFewAMinuteAreAllLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b buffer
		log := slog.New(New(slog.NewTextHandler(&b, nil)))
		for range 5 * After {
			log.Warn("now and then")
			time.Sleep(Every / After) //nolint:forbidigo // the clock of the bubble
		}
		if n := strings.Count(b.String(), "\n"); n != 5*After {
			t.Errorf("%d lines, want %d", n, 5*After)
		}
	})
}
