// Package logsum sums up log lines of which many of a kind come.
package logsum

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// After is how many warnings of a kind are logged within Every; those above it are counted.
	After = 10
	// Every is the time after which it is logged how many more there were.
	Every = time.Minute
)

// Handler sums up warnings and errors of which many of a kind come: those with the same message and the same attributes
// of With. It passes the first ones in a minute on, and later says how many more there were. Its methods may be called
// from any goroutine.
type Handler struct {
	slog.Handler

	of    string // the attributes of With: those of another capture are another kind
	kinds *kinds
}

// kinds are the counts of a handler and of those that were made of it.
type kinds struct {
	mu sync.Mutex
	by map[string]*kind
}

// kind is what has come of one kind since began.
type kind struct {
	began  time.Time
	logged int
	more   int // not logged
	timer  *time.Timer
	to     slog.Handler
	level  slog.Level
	text   string
}

// New returns a handler that passes on to h. The caller calls Flush at the end.
func New(h slog.Handler) *Handler {
	return &Handler{Handler: h, kinds: &kinds{by: map[string]*kind{}}}
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{h.Handler.WithAttrs(attrs), h.of + fmt.Sprint(attrs), h.kinds}
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{h.Handler.WithGroup(name), h.of + name, h.kinds}
}

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn && h.holds(&r) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// holds counts a line, and reports whether it is not to be logged.
func (h *Handler) holds(r *slog.Record) bool {
	h.kinds.mu.Lock()
	defer h.kinds.mu.Unlock()
	name := r.Level.String() + h.of + "\x00" + r.Message
	k := h.kinds.by[name]
	if k != nil && k.more == 0 && r.Time.Sub(k.began) >= Every {
		k = nil
	}
	if k == nil {
		k = &kind{began: r.Time, to: h.Handler, level: r.Level, text: r.Message}
		h.kinds.by[name] = k
	}
	if k.logged < After {
		k.logged++
		return false
	}
	if k.more++; k.more == 1 {
		k.timer = time.AfterFunc(Every-r.Time.Sub(k.began), func() { h.kinds.end(name, k) })
	}
	return true
}

// end logs how many more of a kind there were when its minute is over. A timer calls it.
func (s *kinds) end(name string, k *kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[name] == k { // Flush may have been faster
		s.sum(name)
	}
}

// sum logs how many more of a kind there were, and forgets the kind. The caller holds mu.
func (s *kinds) sum(name string) {
	k := s.by[name]
	delete(s.by, name)
	if k.more == 0 {
		return
	}
	k.timer.Stop()
	now := time.Now()
	text := fmt.Sprintf("%s more like this in the last %s: %s", grouped(k.more), span(now.Sub(k.began)), k.text)
	_ = k.to.Handle(context.Background(), slog.NewRecord(now, k.level, text, 0)) // a log that fails is lost
}

// Flush logs how many more of each kind there were until now. What comes later begins from zero.
func (h *Handler) Flush() {
	h.kinds.mu.Lock()
	defer h.kinds.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(h.kinds.by)) {
		h.kinds.sum(name)
	}
}

// grouped prints a number in groups of three digits.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// span prints how long a time was.
func span(d time.Duration) string {
	if d.Round(time.Second) == time.Minute {
		return "minute"
	}
	return d.Round(10 * time.Millisecond).String()
}
