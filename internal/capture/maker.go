package capture

import (
	"fmt"
	"sync"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// Maker has what is needed to make files of messages: the user's code, the compression, and room for open blocks. The loop,
// a cut that is being sealed and a redo use it at the same time.
type Maker struct {
	cfg      *Config // of part limits and the poison policy
	user     User
	stream   string
	suffix   string // of data files, with that of the compression
	codec    *codec.Codec
	gzip     *codec.Codec // of dead letters
	spool    *spool.Spool
	observer Observer
	room     int64      // that the writers at work may take together
	writers  *buffering // belongs to the loop, or to the goroutine of a redo

	// calls is held while the decoder runs, and while a writer runs beside the loop, unless DecodeWorkers allows several
	// goroutines at a time.
	calls *sync.Mutex
}

// newMaker makes the Maker of a run.
func newMaker(cfg *Config, stream string, sp *spool.Spool, o Observer) (*Maker, error) {
	k := &Maker{
		cfg: cfg, stream: stream, spool: sp, observer: o, room: cfg.MemoryLimit / 2, writers: &buffering{}, calls: &sync.Mutex{},
	}
	var err error
	if k.gzip, err = codec.New(codec.Gzip, 0); err != nil {
		return nil, err
	}
	return k, k.setForm(cfg.Form)
}

// Under returns a Maker that makes the files of a plan again: under another form, without a limit of a part, and with no
// poison, since what was planned must be made.
func (k *Maker) Under(f Form) (*Maker, error) {
	cfg := *k.cfg
	cfg.Poison, cfg.MaxMessages, cfg.MaxBytes = PoisonFail, 0, 0
	d := *k
	d.cfg, d.writers = &cfg, &buffering{patient: k.writers.patient}
	return &d, d.setForm(f)
}

func (k *Maker) setForm(f Form) (err error) {
	name := f.Compression
	if name == "" {
		name = codec.None
	}
	if k.codec, err = codec.New(name, f.Level); err != nil {
		return err
	}
	k.user, k.suffix = f.User, joinSuffix(f.Suffix, k.codec.Suffix())
	return nil
}

// decode decodes m into slot i of b, one call at a time unless DecodeWorkers allows more.
func (k *Maker) decode(b Batch, i int, m *reader.Message) error {
	if k.cfg.DecodeWorkers <= 1 {
		k.calls.Lock()
		defer k.calls.Unlock()
	}
	return b.Decode(i, m)
}

// exclusive runs f, which calls a writer beside the loop: not while the loop decodes, unless DecodeWorkers allows that.
func (k *Maker) exclusive(f func() error) error {
	if k.cfg.DecodeWorkers <= 1 {
		k.calls.Lock()
		defer k.calls.Unlock()
	}
	return f()
}

// buffering is what the writers of a form have shown of themselves. The zero value knows nothing yet.
type buffering struct {
	shown   bool // that they hold rows back; held says how much
	held    Held
	patient bool // one of them has lost its file: all messages are kept until their seal
}

// learn notes what a writer says of itself.
func (b *buffering) learn(h Held) {
	if h != HoldsNothing {
		b.shown, b.held = true, h
	}
}

// keeps reports whether the messages of the next block are kept until its seal: its writer would need more than room.
func (b *buffering) keeps(room int64) bool { return b.shown && int64(b.held) > room }

// encoders is how many writers may work at the same time at the seal: as many as user code may run at a time, and as there
// is room for.
func (k *Maker) encoders() int {
	const unknown = 4 // of writers that do not say what they hold
	room := int64(unknown)
	if held := k.writers.held; held > 0 && held != HoldsUnknown {
		room = k.room / int64(held)
	}
	return int(max(1, min(int64(k.cfg.DecodeWorkers), room)))
}

// Trouble with a block that is no message's fault.
type trouble int

const (
	writerFailed trouble = iota + 1 // the writer cannot go on: the run ends
	fileLost                        // a writer that was fed early has lost its file: the messages are read again, and kept until their seal
	spoolFull                       // the spool cannot be written: nothing is lost, and reading waits
)

// blockError is trouble with a block.
type blockError struct {
	trouble trouble
	err     error
}

// Error implements error.
func (e *blockError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *blockError) Unwrap() error { return e.err }

// startError says which block could not be begun, and why.
func startError(dir string, err error) error { return fmt.Errorf("start a block in %s: %w", dir, err) }
