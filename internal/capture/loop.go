package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// loop is one life of a reader, from Promise.Open to the last cut. It owns the open blocks, in two tables: see
// boundary.go. All its methods run in the goroutine of Run.Live, so its fields need no lock. Beside it run the feed,
// the pulse and at most one cut that is being stored.
//
// The contexts of its methods are those of the work, which ends DrainTimeout after the run is to stop.
type loop struct {
	cfg      *Config
	observer Observer
	maker    *Maker
	spool    *spool.Spool
	target   target
	stopping <-chan struct{} // closed when the run is to stop

	rd        Reading
	feed      *feed
	ended     *Table          // the blocks before the boundary, which take no more messages; nil if there are none
	open      *Table          // the blocks behind it
	pace      engine.Pace     // where windows end, and when a cut is due
	storing   chan error      // gets the result of the cut that is being stored; nil if there is none
	storingTo uint64          // the stream sequence that this cut ends at
	flushes   *flushes        // requests for a cut
	race      *race           // what the retention of the stream asks for
	sizes     chan largestAsk // requests for the largest blocks
	mustCut   bool            // it has asked for a cut
	lastMsg   *reader.Message // last message behind the boundary; nil if none was read
	planFull  bool            // the plan of what is open cannot grow, and the cut before is still being stored
	postponed error           // why a cut was due and was not made; nil if nothing is in the way
	warned    retry.Limiter   // limits reports of postponed
	toldAcks  bool            // CutsEarly was reported
	pulse     *pulse
	state     State // the last one that was reported
}

// verdict is what the loop does next.
type verdict int

const (
	goOn    verdict = iota
	reached         // with Once, everything up to the target is in blocks
	stop            // the run is to stop: no other batch may follow, since a part of this one may not have been taken
)

// newLoop starts the feed of a reading that was opened. Its caller stops the feed.
func (r *Run) newLoop(ctx context.Context, o Opened) *loop {
	l := &loop{
		cfg: &r.Config, observer: r.Observer, maker: r.Maker, spool: r.spool, target: r.target, stopping: ctx.Done(),
		flushes: r.flushes, race: r.race, sizes: r.sizes,
		rd: o.Reading, open: r.Maker.NewTable(engine.NewCut(o.From, o.Anchor)),
		warned: retry.Limiter{Every: warnEvery},
	}
	l.pace = engine.Pace{MaxAge: l.cfg.MaxAge, Grace: l.cfg.Grace, MaxIdle: l.cfg.MaxIdle}
	l.pace.Start(time.Now())
	l.flushes.stored(o.From)
	l.relieved()
	l.feed = startFeed(context.WithoutCancel(ctx), o.Reading, l.maker)
	l.tell(StateReading)
	return l
}

// usage returns what is used of the limits of memory, disk and consumer.
func (l *loop) usage() Used {
	u := l.spool.Usage()
	unacked, limit := l.rd.Unacked()
	return Used{Memory: u.Memory, Disk: u.Disk, Unacked: unacked, MaxUnacked: limit}
}

// tell reports the state if it has changed.
func (l *loop) tell(s State) {
	if l.state != s {
		l.state = s
		l.observer.Observe(Changed{State: s})
	}
}

// isStopping reports whether the run is to stop.
func (l *loop) isStopping() bool {
	select {
	case <-l.stopping:
		return true
	default:
		return false
	}
}

// capture reads and cuts until the target is stored, the run is stopped, or an error ends this life. After an error,
// what is open is dropped: it stays in the stream.
func (l *loop) capture(ctx context.Context) error {
	end := newDeadline(ctx, l.cfg.DrainTimeout)
	defer func() {
		end.cancel()
		if l.storing != nil {
			<-l.storing //nolint:errcheck // the life ends with another error; what was not stored stays in the stream
		}
		l.discard()
	}()
	l.pulse = startPulse(l.maker)
	defer l.pulse.stop()
	next, err := l.read(end)
	switch {
	case err != nil:
		return err
	case next == stop:
		return l.explain(end, l.finish(end.work, cutlog.ReasonShutdown))
	}
	if err := l.finish(end.work, cutlog.ReasonOnce); err != nil {
		return l.explain(end, err)
	}
	return l.rd.Settle(ctx)
}

// read takes batches, and makes cuts when they are due, until the target is in blocks or the run is to stop.
func (l *loop) read(end *deadline) (next verdict, err error) {
	tick := newClock()
	defer tick.Stop()
	for next = l.arrived(); next == goOn && err == nil; {
		select {
		case j, ok := <-l.input():
			if !ok {
				return stop, l.readerEnded(end.work)
			}
			tick.hurry()
			next, err = l.take(end.work, j)
			l.pulse.enter(resting)
		case <-tick.C:
			if tick.slow {
				l.maker.rest()
			}
			l.observer.Observe(l.usage())
			err = l.look(end.work)
			tick.next(l.calm(time.Now()))
		case <-l.spool.Poked():
			tick.hurry()
			_ = l.spool.Relieve() // the next message meets the same error
			err = l.look(end.work)
		case stored := <-l.storing:
			err = l.explain(end, l.noteStored(stored))
			tick.hurry()
		case done := <-l.flushes.asks:
			tick.hurry()
			l.flushes.waiting = append(l.flushes.waiting, flush{l.open.cut.Through, done})
			err = l.look(end.work)
		case ask := <-l.sizes:
			ask.answer <- l.largest(ask.n)
		case <-l.race.cut:
			tick.hurry()
			l.mustCut = true
			err = l.look(end.work)
		case <-l.stopping:
			return stop, nil
		}
	}
	return next, err
}

// arrived reports whether everything up to the target is in blocks.
func (l *loop) arrived() verdict {
	if l.target.fixed && l.open.cut.Through >= l.target.seq {
		return reached
	}
	return goOn
}

// input returns the channel of the next batch. While there is no room for a batch it returns nil, from which nothing
// comes, and reports what is waited for.
func (l *loop) input() <-chan *job {
	switch {
	case !l.spool.Over() && !l.planFull:
		l.tell(StateReading)
		return l.feed.out
	case l.storing == nil && l.postponed != nil:
		l.tell(StateServer)
	default:
		l.tell(StateStore)
	}
	return nil
}

// look makes a cut if one is due. It is called at each tick, and in the middle of a batch when the pulse asks for it.
func (l *loop) look(ctx context.Context) error {
	l.pulse.due.Store(false)
	return l.cutIfDue(ctx)
}

// take puts the messages of a batch into blocks, with Once only those up to the target.
func (l *loop) take(ctx context.Context, j *job) (verdict, error) {
	if next, err := l.ready(ctx, j); next != goOn || err != nil {
		return next, err
	}
	if l.target.fixed {
		j.Messages = upTo(j.Messages, l.target.seq)
	}
	l.pulse.enter(taking)
	if next, err := l.takeAll(ctx, j); next != goOn || err != nil {
		return next, err
	}
	through := j.Through
	if l.target.fixed {
		through = min(through, l.target.seq)
	}
	l.open.cut.Through = max(l.open.cut.Through, through)
	if l.spool.Over() {
		if err := l.look(ctx); err != nil {
			return goOn, err
		}
	}
	if l.target.fixed && !l.rd.Ordered() && j.Pending == 0 {
		return reached, nil // a shared consumer may have given the messages before the target to others
	}
	return l.arrived(), nil
}

// ready waits until the decode workers have decoded the batch, or the run is to stop.
func (l *loop) ready(ctx context.Context, j *job) (verdict, error) {
	if j.ready == nil {
		return goOn, nil
	}
	l.pulse.enter(awaiting)
	for {
		select {
		case <-j.ready:
			return goOn, nil
		case <-l.stopping:
			return stop, nil
		case <-time.After(tickEvery):
			if err := l.look(ctx); err != nil {
				return goOn, err
			}
		}
	}
}

// takeAll puts each message of the batch into its block. When the run is to stop, it leaves the rest to the next start.
func (l *loop) takeAll(ctx context.Context, j *job) (verdict, error) {
	noted := 0 // messages that were reported
	for i := range j.Messages {
		if l.pulse.due.Load() {
			l.note(j.Messages[noted:i], j.Pending+uint64(len(j.Messages)-i))
			noted = i
			if l.isStopping() {
				return stop, nil
			}
			if err := l.look(ctx); err != nil {
				return goOn, err
			}
		}
		if err := l.takeItem(ctx, j, i); err != nil {
			return goOn, err
		}
	}
	l.note(j.Messages[noted:], j.Pending)
	l.feed.done(j)
	return goOn, nil
}

// takeItem puts message i of a batch into its block.
func (l *loop) takeItem(ctx context.Context, j *job, i int) error {
	it := Item{Message: &j.Messages[i], Batch: j.decoded, Slot: i}
	if j.decoded == nil {
		it, _ = l.open.decode(it.Message) // Keys.Group returns the error again
	}
	if err := l.reach(it.Message); err != nil {
		return err
	}
	// The position moves before the message is taken, because making room for the message may need a cut that holds it.
	cut := l.open.cut
	cut.Through = max(cut.Through, it.Message.Seq)
	l.lastMsg = it.Message
	if cut.Marks() {
		cut.Mark(AnchorOf(it.Message))
	}
	if err := l.takeOne(ctx, it); err != nil {
		return err
	}
	if l.collected().AllClosed() {
		return l.look(ctx)
	}
	return nil
}

// upTo returns ms without the messages beyond the stream sequence target.
func upTo(ms []reader.Message, target uint64) []reader.Message {
	for len(ms) > 0 && ms[len(ms)-1].Seq > target {
		ms = ms[:len(ms)-1]
	}
	return ms
}

// takeOne puts one message into its block, leaves it out, or deals with it by the poison policy. A full spool is waited
// for: the message is in its block then.
func (l *loop) takeOne(ctx context.Context, it Item) error {
	if l.rd.Repeated(it.Message) {
		return nil
	}
	err := l.open.add(it)
	if err == nil {
		return nil
	}
	var block *blockError
	switch {
	case errors.Is(err, ErrSkip):
		l.skip(it.Message.Seq)
		return nil
	case !errors.As(err, &block):
		return l.poison(ctx, it.Message, err)
	case block.trouble == spoolFull:
		return l.waitForSpool(ctx, err)
	}
	return fmt.Errorf("stream %s sequence %d: %w", l.maker.stream, it.Message.Seq, err)
}

// note reports messages that were just taken and advances the clock of windows. pending is the stream's remaining lag.
func (l *loop) note(messages []reader.Message, pending uint64) {
	highest := int64(0)
	for i := range messages {
		highest = max(highest, messages[i].Time)
	}
	l.pace.Read(time.Now(), len(messages), highest, pending == 0)
	l.observer.Observe(Taken{
		Messages: messages, Pending: pending, Blocks: l.blocks(), Ordered: l.rd.Ordered(), Used: l.usage(),
	})
}

// readerEnded deals with an end of reading that the reader has chosen. What was read is cut if the error says that it
// is good, and dropped otherwise.
func (l *loop) readerEnded(ctx context.Context) error {
	err := l.feed.err
	var d *reader.DivergedError
	proved := errors.As(err, &d) && d.Proved && l.collected().Moved()
	if !ends(err) || l.collected().Empty() && !proved {
		return err
	}
	// It is cut now, because after the next start it could not be read again.
	if cutErr := l.finish(ctx, cutlog.ReasonDiverged); cutErr != nil {
		return cutErr
	}
	return err
}
