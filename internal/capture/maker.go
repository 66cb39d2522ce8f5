package capture

import (
	"fmt"
	"sync"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// Maker has what is needed to make files of messages: the user's code, the compression, and the spool. The loop and a
// cut that is being sealed use one Maker at the same time; a redo makes its own by Under. Its fields do not change.
type Maker struct {
	cfg      *Config
	user     User
	stream   string
	suffix   string       // of data files, with the suffix of the compression
	codec    *codec.Codec // of data files
	gzip     *codec.Codec // of dead letters
	spool    *spool.Spool
	observer Observer
	writers  *buffering // owned by the goroutine of Run.Live

	// calls is held while the decoder runs, and while a writer runs beside the loop, unless DecodeWorkers allows several
	// goroutines at a time. It comes before every lock of the spool.
	calls *sync.Mutex
}

// newMaker returns the Maker of a run.
func newMaker(cfg *Config, stream string, sp *spool.Spool, o Observer) (*Maker, error) {
	k := &Maker{
		cfg: cfg, stream: stream, spool: sp, observer: o, writers: &buffering{}, calls: &sync.Mutex{},
	}
	var err error
	if k.gzip, err = codec.New(codec.Gzip, 0); err != nil {
		return nil, err
	}
	return k, k.setForm(cfg.Form)
}

// Under returns a Maker that makes the files of a plan again. It works under the form f, without limits of a part, and
// a poison message is an error, since what was planned must be made.
func (k *Maker) Under(f Form) (*Maker, error) {
	cfg := *k.cfg
	cfg.Poison, cfg.MaxMessages, cfg.MaxBytes = PoisonFail, 0, 0
	d := *k
	d.cfg, d.writers = &cfg, &buffering{patient: k.writers.patient}
	return &d, d.setForm(f)
}

// setForm sets what depends on the form.
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

// exclusive runs f, which calls a writer beside the loop. Unless DecodeWorkers allows it, that is not while the loop
// decodes.
func (k *Maker) exclusive(f func() error) error {
	if k.cfg.DecodeWorkers <= 1 {
		k.calls.Lock()
		defer k.calls.Unlock()
	}
	return f()
}

// buffering is what is known about the writers of a form. The zero value means that nothing is known yet.
type buffering struct {
	shown   bool // they hold rows back
	held    Held // how much they hold back
	patient bool // one of them has lost its file, so all messages are kept until their seal
}

// learn notes what a writer says of itself.
func (b *buffering) learn(h Held) {
	if h != HoldsNothing {
		b.shown, b.held = true, h
	}
}

// keeps reports whether the messages of the next block have to be kept until its seal, because its writer would hold
// more than room.
func (b *buffering) keeps(room int64) bool { return b.shown && int64(b.held) > room }

// room is how many bytes the writers at work may hold together: half of the memory, and with a pool, half of what is
// left of it.
func (k *Maker) room() int64 {
	if k.cfg.Pool != nil {
		return k.cfg.Pool.Left() / 2
	}
	return k.cfg.MemoryLimit / 2
}

// rest gives back what is kept for reuse. The loop calls it when nothing has happened for a while.
func (k *Maker) rest() {
	k.spool.Rest()
	k.codec.Rest()
	k.gzip.Rest()
}

// encoders returns how many writers may work at the same time at the seal. Both DecodeWorkers and the room for writers
// limit them. The loop calls it.
func (k *Maker) encoders() int {
	const unknown = 4 // for writers that do not say what they hold
	room := int64(unknown)
	if held := k.writers.held; held > 0 && held != HoldsUnknown {
		room = k.room() / int64(held)
	}
	return int(max(1, min(int64(k.cfg.DecodeWorkers), room)))
}

// trouble is what is wrong with a block, when no message is to blame.
type trouble int

const (
	// writerFailed means that the writer cannot go on. The run ends.
	writerFailed trouble = iota + 1
	// fileLost means that a writer which was fed early has lost its file. The messages are read again, and kept until
	// their seal.
	fileLost
	// spoolFull means that the spool cannot be written. Nothing is lost, and reading waits.
	spoolFull
)

// blockError is an error of a block, with what it means.
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
