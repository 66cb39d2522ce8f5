package form

import (
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/internal/source"
)

// watchSample is how many messages may have no value of a source until that is told.
const watchSample = 1000

// Watch looks at the first messages of a run for what their user may have got wrong: sources of keys and columns that
// have no value, because the path or header is misspelled, and payloads that are not text in files of text. It costs
// nothing once all is as expected, or the sample is over. Several goroutines may use it.
type Watch struct {
	over   atomic.Bool // nothing is left to look for
	notice Notice

	mu       sync.Mutex // guards what follows
	unseen   []unseen
	text     bool // payloads should be text, and have been so far
	messages int
}

// Notice is told what a Watch finds, each thing once at most, by the goroutines that decode and by End.
type Notice struct {
	// NoValue: no message so far has had a value of the source that an option names.
	NoValue func(option string, messages int)
	// NotText: a payload that became a line of a file is not UTF-8.
	NotText func()
}

// unseen is a source that has had no value yet.
type unseen struct {
	option string // as the user gave it
	source source.Source
}

// NewWatch watches the messages of a form.
func NewWatch(f Form, notice Notice) *Watch {
	w := &Watch{notice: notice, text: f.Format == NDJSON && f.Record == RecordPayload}
	for _, k := range f.Keys {
		w.unseen = append(w.unseen, unseen{"--key " + k.String(), k.Source})
	}
	for _, c := range f.Columns {
		w.unseen = append(w.unseen, unseen{"--column " + c.String(), c.Source})
	}
	w.over.Store(len(w.unseen) == 0 && !w.text)
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
	if w.text && !utf8.Valid(m.Data) {
		w.text = false
		w.notice.NotText()
	}
	if len(left) == 0 && !w.text || w.messages == watchSample {
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
		w.notice.NoValue(u.option, w.messages)
	}
}
