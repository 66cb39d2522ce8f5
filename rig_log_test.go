package jetcapture_test

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// lines keeps the lines of a log, and passes them on.
type lines struct {
	out io.Writer
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(p))
	return l.out.Write(p)
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// count returns how many lines have all parts.
func (l *lines) count(parts ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			n++
		}
	}
	return n
}

// until waits for a line that has all parts.
func (l *lines) until(t *testing.T, parts ...string) {
	t.Helper()
	natstest.Eventually(t, patience, "line with "+strings.Join(parts, ", "), func() bool { return l.count(parts...) > 0 })
}
