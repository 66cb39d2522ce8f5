package archive

import (
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Filter chooses files. The zero value chooses all.
type Filter struct {
	// Key is the first segments of the key, each as in the message or as in the path. For a segment NAME=VALUE, VALUE
	// alone will do. Dead letters have no key.
	Key []string
	// From and To choose the windows that overlap [From, To). A zero time does not restrict.
	From, To time.Time
	// Seq is a stream sequence that must be in the file. Zero does not restrict.
	Seq uint64
}

// IsZero reports whether the filter chooses everything.
func (f Filter) IsZero() bool {
	return len(f.Key) == 0 && f.From.IsZero() && f.To.IsZero() && f.Seq == 0
}

// Match reports whether the filter chooses a file.
func (f Filter) Match(b Block) bool {
	switch {
	case !f.From.IsZero() && b.Window.Before(f.From) && !b.End.After(f.From), !f.To.IsZero() && !b.Window.Before(f.To):
		return false
	case f.Seq != 0 && (!b.Seqs.Contains(f.Seq) || b.Lost.Contains(f.Seq)):
		return false
	}
	return f.matchKey(b.Key)
}

func (f Filter) matchKey(key []cutlog.Text) bool {
	if len(f.Key) > len(key) {
		return false
	}
	for i, want := range f.Key {
		if !matchSegment(string(key[i]), want) {
			return false
		}
	}
	return true
}

func matchSegment(segment, want string) bool {
	for _, form := range []string{segment, cutlog.EscapeSegment(segment), cutlog.EscapeDir(segment)} {
		if _, value, named := strings.Cut(form, "="); form == want || named && value == want {
			return true
		}
	}
	return false
}
