package form

import (
	"sync"
	"sync/atomic"

	"github.com/jetcapture/jetcapture/internal/source"
)

// watchSample is how many messages may have no value of a source until that is told.
const watchSample = 1000

// Watch looks for sources of keys and columns that have no value in the first messages of a run: their path or header
// may be misspelled. It costs nothing once each source has had a value, or the sample is over. Several goroutines may
// use it.
type Watch struct {
	over atomic.Bool // nothing is left to look for
	tell func(option string, messages int)

	mu       sync.Mutex // guards what follows
	unseen   []unseen
	messages int
}

// unseen is a source that has had no value yet.
type unseen struct {
	option string // as the user gave it
	source source.Source
}

// NewWatch watches the sources of a form. tell is called once at most for each, by see or End.
func NewWatch(f Form, tell func(option string, messages int)) *Watch {
	w := &Watch{tell: tell}
	for _, k := range f.Keys {
		w.unseen = append(w.unseen, unseen{"--key " + k.String(), k.Source})
	}
	for _, c := range f.Columns {
		w.unseen = append(w.unseen, unseen{"--column " + c.String(), c.Source})
	}
	w.over.Store(len(w.unseen) == 0)
	return w
}

// see takes a message into the sample. A nil Watch takes none.
func (w *Watch) see(m *source.Message) {
	if w == nil || w.over.Load() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over.Load() {
		return
	}
	w.messages++
	left := w.unseen[:0]
	for _, u := range w.unseen {
		if u.source.Eval(m).Absent() {
			left = append(left, u)
		}
	}
	w.unseen = left
	if len(left) == 0 || w.messages == watchSample {
		w.end()
	}
}

// End tells what no message has had so far.
func (w *Watch) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end()
}

// end is the end of the sample. The caller holds mu.
func (w *Watch) end() {
	if w.over.Swap(true) || w.messages == 0 {
		return
	}
	for _, u := range w.unseen {
		w.tell(u.option, w.messages)
	}
}
