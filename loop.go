package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

const (
	tickEvery    = 200 * time.Millisecond // how often the clock may close a window
	checkTimeout = 15 * time.Second       // for what a cut asks the server: longer than one request, so that its error says which
	closeTimeout = 5 * time.Second
)

// loop owns the open blocks. All its methods run in the goroutine of Run; a cut that is being stored runs beside it.
type loop[P Payload, K DestKey] struct {
	*run[P, K]
	stop        context.Context // cancelled when the run is to end
	keep        keeper[P, K]
	rd          reader.Reader
	feed        *feed[P, K]
	cut         *engine.Cut
	table       *table[P, K]
	pace        engine.Pace
	storing     chan error // the result of the cut that is being stored; nil: none is
	lastMsg     *reader.Message
	warnedAcks  bool
	planFull    bool  // the plan of what is open cannot grow much more, and the cut before is still being stored
	checkFailed error // why the last cut that was due was not made
	warnedCheck time.Time
	ended       error // after the next cut, reading starts again because of this
	reached     bool  // Once: the target is in hand
	broken      bool  // the loop is to stop, and has left a part of a batch to the next start: no other batch may follow
	pulse       *pulse
	state       string // as in Stats
}

func (r *run[P, K]) newLoop(ctx context.Context, k keeper[P, K], o opened) *loop[P, K] {
	l := &loop[P, K]{run: r, stop: ctx, keep: k, rd: o.rd, cut: engine.NewCut(o.from, o.anchor)}
	l.table = r.newTable(l.cut)
	l.pace = engine.Pace{MaxAge: r.opts.MaxAge, Grace: r.opts.Grace, MaxIdle: r.opts.MaxIdle}
	l.pace.Start(time.Now())
	l.feed = startFeed(context.WithoutCancel(ctx), o.rd, r.opts.DecodeWorkers, r.opts.decode)
	l.reached = r.targeted && o.from >= r.target
	l.tell(stateReading)
	return l
}

// tell changes the state in Stats.
func (l *loop[P, K]) tell(state string) {
	if l.state == state {
		return
	}
	l.state = state
	l.stats.update(func(s *Stats) { s.State = state })
}

// capture reads and cuts until the end. What is open then is dropped: it stays in the stream.
func (l *loop[P, K]) capture(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer l.drainAfter(ctx, work, cancel)()
	defer func() {
		cancel()
		if l.storing != nil {
			<-l.storing //nolint:errcheck // the run ends with an error already; what was not stored stays in the stream
		}
		l.table.discard()
	}()
	l.pulse = startPulse(l.user, l.stats)
	defer l.pulse.stop()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for !l.reached {
		select {
		case j, ok := <-l.input():
			if !ok {
				return l.readerEnded(work)
			}
			err := l.take(work, j)
			l.pulse.enter(resting)
			if err != nil {
				return err
			}
			if l.broken {
				return l.last(ctx, work, cutlog.ReasonShutdown)
			}
		case <-tick.C:
			l.noteUsage()
			if err := l.lookUp(work); err != nil {
				return err
			}
		case err := <-l.storing:
			l.storing = nil
			if err != nil {
				return l.stopped(ctx, work, err)
			}
		case <-ctx.Done():
			return l.last(ctx, work, cutlog.ReasonShutdown)
		}
	}
	if err := l.last(ctx, work, cutlog.ReasonOnce); err != nil {
		return err
	}
	return l.keep.settle(ctx)
}

// input is where the next batch comes from: nowhere, while there is no room for it.
func (l *loop[P, K]) input() <-chan *job[P, K] {
	switch {
	case !l.full():
		l.tell(stateReading)
		return l.feed.out
	case l.storing == nil && l.checkFailed != nil:
		l.tell(stateServer)
	default:
		l.tell(stateStore)
	}
	return nil
}

// lookUp makes a cut if one is due.
func (l *loop[P, K]) lookUp(ctx context.Context) error {
	l.pulse.due.Store(false)
	defer l.pulse.enter(cutting)()
	return l.cutIfDue(ctx)
}

// full reports whether reading must wait for the store.
func (l *loop[P, K]) full() bool { return l.spool.Over() || l.planFull }

// take puts the messages of a batch into blocks.
func (l *loop[P, K]) take(ctx context.Context, j *job[P, K]) error {
	if err := l.ready(ctx, j); err != nil || l.broken {
		return err
	}
	if l.targeted {
		j.Messages = upTo(j.Messages, l.target)
	}
	l.pulse.enter(taking)
	if err := l.takeAll(ctx, j); err != nil {
		return err
	}
	if l.broken {
		return nil
	}
	if !l.reached && j.Through > l.cut.Through {
		l.through(j.Through)
	}
	if l.targeted && l.opts.Store != nil && j.Pending == 0 {
		l.reached = true // a shared consumer may have given the rest to others
	}
	if l.spool.Over() {
		return l.lookUp(ctx)
	}
	return nil
}

// ready waits until the batch is decoded, if others do that, or the loop is to stop.
func (l *loop[P, K]) ready(ctx context.Context, j *job[P, K]) error {
	if j.ready == nil {
		return nil
	}
	l.pulse.enter(awaiting)
	for {
		select {
		case <-j.ready:
			return nil
		case <-l.stop.Done():
			l.broken = true
			return nil
		case <-time.After(tickEvery):
			if err := l.lookUp(ctx); err != nil {
				return err
			}
		}
	}
}

// takeAll hands each message of the batch to its block. When the loop is to stop, the rest of them is left to the next start.
func (l *loop[P, K]) takeAll(ctx context.Context, j *job[P, K]) error {
	noted := 0
	for i := range j.Messages {
		if l.pulse.due.Load() {
			l.note(j.Messages[noted:i], j.Pending+uint64(len(j.Messages)-i))
			noted = i
			if l.broken = l.stop.Err() != nil; l.broken {
				return nil
			}
			if err := l.lookUp(ctx); err != nil {
				return err
			}
		}
		if err := l.takeItem(ctx, j, i); err != nil {
			return err
		}
	}
	l.note(j.Messages[noted:], j.Pending)
	l.feed.done(j)
	if l.targeted && l.cut.Through >= l.target {
		l.reached = true
	}
	return nil
}

// takeItem puts message i of a batch into its block.
func (l *loop[P, K]) takeItem(ctx context.Context, j *job[P, K], i int) error {
	m := &j.Messages[i]
	var d decoded[P, K]
	if j.items != nil {
		d = j.items[i]
	} else {
		d = l.decode(m)
	}
	// First its place, then the message: to make room for it, a cut may be needed that holds it.
	l.cut.Through = max(l.cut.Through, m.Seq)
	l.lastMsg = m
	if err := l.takeOne(ctx, m, d); err != nil {
		return err
	}
	if l.cut.AllClosed() {
		return l.lookUp(ctx)
	}
	return nil
}

// upTo cuts off the messages beyond the stream sequence target.
func upTo(ms []reader.Message, target uint64) []reader.Message {
	for len(ms) > 0 && ms[len(ms)-1].Seq > target {
		ms = ms[:len(ms)-1]
	}
	return ms
}

// through notes that everything up to seq is in hand.
func (l *loop[P, K]) through(seq uint64) {
	if l.targeted && seq >= l.target {
		seq, l.reached = l.target, true
	}
	l.cut.Through = max(l.cut.Through, seq)
}

// takeOne puts one message into its block, or wherever the poison policy says.
func (l *loop[P, K]) takeOne(ctx context.Context, m *reader.Message, d decoded[P, K]) error {
	if l.opts.Store != nil && l.table.replies.add(m) {
		return nil // delivered again while it is in an open block
	}
	err := d.err
	if err == nil {
		_, err = l.table.add(m, d.payload, d.key)
	}
	if err == nil {
		return nil
	}
	var broken *writerError
	var full *spoolError
	switch {
	case errors.Is(err, ErrSkip):
		l.skip(m.Seq)
		return nil
	case errors.As(err, &broken):
		return fmt.Errorf("stream %s sequence %d: %w", l.opts.NATSStreamName, m.Seq, err)
	case errors.As(err, &full):
		return l.waitForSpool(ctx, full)
	}
	return l.poison(ctx, m, err)
}

// waitForSpool stops reading until the spool can take more. The rows that it could not take are still in memory.
func (l *loop[P, K]) waitForSpool(ctx context.Context, cause error) error {
	l.log.Warn("the spool cannot be written, reading waits", "dir", l.opts.TempDir, "error", cause)
	l.tell(stateSpool)
	defer l.tell(stateReading)
	for {
		if l.stop.Err() != nil || l.spool.Relieve() == nil {
			return nil
		}
		if err := l.storeToMakeRoom(ctx); err != nil {
			return err
		}
		if err := pause(ctx, tickEvery); err != nil {
			return fmt.Errorf("write to the spool in %s: %w", l.opts.TempDir, errors.Join(cause, err))
		}
	}
}

// storeToMakeRoom takes the next step towards an emptier spool: cut what is open, or wait for the cut that is being stored.
func (l *loop[P, K]) storeToMakeRoom(ctx context.Context) error {
	if l.storing == nil {
		return l.makeCut(ctx, cutlog.ReasonPressure)
	}
	select {
	case err := <-l.storing:
		l.storing = nil
		return err
	default:
		return nil
	}
}

// note counts messages that were taken, of which pending are still to come, and tells the clock of windows about them.
func (l *loop[P, K]) note(messages []reader.Message, pending uint64) {
	highest := int64(0)
	for i := range messages {
		highest = max(highest, messages[i].Time)
	}
	l.pace.Read(time.Now(), len(messages), highest, pending == 0)
	l.noteUsage()
	l.stats.update(func(s *Stats) {
		s.add(messages, l.opts.Store == nil)
		s.Lag = pending
		s.OpenBlocks = int64(len(l.table.blocks))
	})
}

// noteUsage counts what open blocks take, also while nothing is read: a cut that is stored frees it.
func (l *loop[P, K]) noteUsage() {
	u := l.spool.Usage()
	l.stats.update(func(s *Stats) { s.Memory, s.Spooled = u.Memory, u.Disk })
}

// readerEnded deals with the end of reading that the reader chose.
func (l *loop[P, K]) readerEnded(ctx context.Context) error {
	err := l.feed.err
	if !ending(err) || l.cut.Empty() {
		return err
	}
	// What was read is good: it is cut before another stream is entered, or an operator sees to the consumer.
	l.ended = err
	if cutErr := l.finish(ctx, cutlog.ReasonDiverged); cutErr != nil {
		return cutErr
	}
	return err
}
