package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// sumAfter is how many warnings of a kind are logged in sumEvery; those above it are counted.
	sumAfter = 10
	sumEvery = time.Minute
)

// summing is a handler that sums up warnings of which many of a kind come: those with the same message of the same
// capture. It logs the first ones in a minute, and later how many more there were. Its methods may be called from any
// goroutine.
type summing struct {
	slog.Handler

	of    string // the attributes of With: those of another capture are another kind
	kinds *warningKinds
}

// warningKinds are the counts of a handler and of those that were made of it.
type warningKinds struct {
	mu sync.Mutex
	by map[string]*warnings
}

// warnings are those of a kind.
type warnings struct {
	began  time.Time // the minute
	logged int       // in that minute
	more   int       // not logged
	to     slog.Handler
	text   string
}

func newSumming(h slog.Handler) *summing {
	return &summing{Handler: h, kinds: &warningKinds{by: map[string]*warnings{}}}
}

// WithAttrs implements slog.Handler.
func (s *summing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &summing{s.Handler.WithAttrs(attrs), s.of + fmt.Sprint(attrs), s.kinds}
}

// WithGroup implements slog.Handler.
func (s *summing) WithGroup(name string) slog.Handler {
	return &summing{s.Handler.WithGroup(name), s.of + name, s.kinds}
}

// Handle implements slog.Handler.
func (s *summing) Handle(ctx context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn && s.holds(&r) {
		return nil
	}
	return s.Handler.Handle(ctx, r)
}

// holds counts a warning, and reports whether it is not to be logged.
func (s *summing) holds(r *slog.Record) bool {
	s.kinds.mu.Lock()
	defer s.kinds.mu.Unlock()
	kind := s.of + "\x00" + r.Message
	w := s.kinds.by[kind]
	if w == nil {
		w = &warnings{began: r.Time, to: s.Handler, text: r.Message}
		s.kinds.by[kind] = w
	}
	if w.logged == sumAfter {
		w.more++
		return true
	}
	w.logged++
	return false
}

// sum logs how many more there were of each kind whose minute is over, or of every kind if all is set. The owner of the
// log calls it now and then, and at the end.
func (s *summing) sum(now time.Time, all bool) {
	s.kinds.mu.Lock()
	defer s.kinds.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(s.kinds.by)) {
		w := s.kinds.by[kind]
		if !all && now.Sub(w.began) < sumEvery {
			continue
		}
		if w.more > 0 {
			text := fmt.Sprintf("%s more like this in the last %s: %s", thousands(int64(w.more)),
				formatDuration(roundDuration(now.Sub(w.began).Seconds())), w.text)
			_ = w.to.Handle(context.Background(), slog.NewRecord(now, slog.LevelWarn, text, 0)) // a log that fails is lost
		}
		delete(s.kinds.by, kind)
	}
}
