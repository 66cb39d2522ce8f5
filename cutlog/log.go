package cutlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Log is the cut log of one capture in a store. It holds no state but where it is, so any number of them, in any number of processes, may
// work on one log; a Log may be used from several goroutines if its store may.
//
// The order of a log's birth lets a start after a crash tell every state apart (see Birth):
//
//  1. plan 1, which opens the first incarnation and carries the Format;
//  2. format.json, with the same Format, then Probe;
//  3. done 1; from here on the log is a chain of plan n, then its files, then done n.
//
// The order within a cut: lost n, if there is one, before the first file that is not as planned; done n after every file; plan n+1 after
// done n. The names of files come from plans only. See docs/FORMAT.md.
type Log struct {
	store   Store
	capture string
}

// New returns the log of a capture, a name that CheckCapture accepts. It does no I/O.
func New(store Store, capture string) *Log {
	return &Log{store: store, capture: capture}
}

// Head is one cut of a log with its records; the zero value stands before the first.
type Head struct {
	N       uint64
	Plan    *Plan // nil: the log is empty
	PlanSum string
	Done    *Done // nil: cut N is still to be finished
	DoneSum string
	Lost    *Lost  // nil: nothing is lost by a redo. Not what done does not name: then its files are whole
	LostSum string // empty: no Lost
}

// Put puts a record and reads it back. won says whether the log now holds exactly its bytes, which is all that counts: an answer of the store
// may be lost, late, or about an earlier try. Not won means that another record holds the name for ever. An error means that nothing is
// decided: call it again with the same record, never with another one of the same name.
func (l *Log) Put(ctx context.Context, r Record) (won bool, err error) {
	putErr := l.store.PutNew(ctx, r.Name, r.Data)
	found, err := l.store.Get(ctx, r.Name)
	switch {
	case err == nil:
		return bytes.Equal(found, r.Data), nil
	case errors.Is(err, fs.ErrNotExist) && putErr != nil:
		return false, putErr
	case errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("put %s: the store accepted it, but does not have it", r.Name)
	default:
		return false, fmt.Errorf("read back %s: %w", r.Name, errors.Join(err, putErr))
	}
}

// Head returns the last cut of the log, the zero Head if the log is empty. It lists the log for a hint, which may be late, and then opens one
// record after the other until there is none. What it reads is checked: sums, numbers, chain, capture; what does not fit is a *CorruptError.
func (l *Log) Head(ctx context.Context) (Head, error) {
	hint, err := l.lastListed(ctx)
	if err != nil {
		return Head{}, err
	}
	h := Head{}
	if hint > 1 { // begin one cut earlier, so that the chain to the last is checked
		if h, err = l.At(ctx, hint-1); err != nil {
			return Head{}, missingAs(err, PlanName(l.capture, hint-1), fmt.Sprintf("a plan, as the log has records of cut %d", hint))
		}
	}
	for {
		next, ok, err := l.Next(ctx, h)
		if err != nil {
			return Head{}, err
		}
		if !ok && h.N < hint {
			return Head{}, l.missing(PlanName(l.capture, hint), "a plan, as the log has records of this cut")
		}
		if !ok {
			return h, nil
		}
		h = next
	}
}

// lastListed returns the greatest number of a record that a list shows.
func (l *Log) lastListed(ctx context.Context) (uint64, error) {
	last := uint64(0)
	prefix := LogPrefix(l.capture)
	for name, err := range l.store.List(ctx, prefix, "") {
		if err != nil {
			return 0, fmt.Errorf("list %s: %w", prefix, err)
		}
		if n, _, ok := ParseLogName(name); ok {
			last = max(last, n)
		}
	}
	return last, nil
}

// Next returns the cut that comes after one, or the same one when a done or lost record has come since. ok is false if there is nothing new.
// Walk a whole log from the zero Head; call it with the newest head to notice another writer. The result follows after in the chain;
// what does not is a *CorruptError.
func (l *Log) Next(ctx context.Context, after Head) (next Head, ok bool, err error) {
	if after.N > 0 && after.Done == nil {
		return l.finished(ctx, after)
	}
	p, sum, err := l.readPlan(ctx, after.N+1)
	if errors.Is(err, fs.ErrNotExist) {
		return after, false, nil
	}
	if err != nil {
		return after, false, err
	}
	if err := CheckChain(after, p); err != nil {
		return after, false, &CorruptError{
			Object: PlanName(l.capture, p.N), Expected: fmt.Sprintf("the plan after cut %d", after.N),
			Found: err.Error(), Advice: adviceRestore,
		}
	}
	next, err = l.complete(ctx, Head{N: p.N, Plan: p, PlanSum: sum})
	return next, err == nil, err
}

// finished looks for the done record of a cut that had none. There must be one if the next plan is there.
func (l *Log) finished(ctx context.Context, after Head) (Head, bool, error) {
	h, err := l.complete(ctx, after)
	if err != nil || h.Done != nil {
		return h, err == nil, err
	}
	following := PlanName(l.capture, after.N+1)
	if _, err := l.store.Get(ctx, following); errors.Is(err, fs.ErrNotExist) {
		return h, h.LostSum != after.LostSum, nil
	} else if err != nil {
		return after, false, fmt.Errorf("read %s: %w", following, err)
	}
	// Both may have come since the first look.
	if h, err = l.complete(ctx, after); err == nil && h.Done == nil {
		err = l.missing(DoneName(l.capture, after.N), fmt.Sprintf("a done record, as plan %d is there", after.N+1))
	}
	return h, err == nil, err
}

// At returns cut n without a look at the cuts around it. The error wraps fs.ErrNotExist if the log has no plan n.
func (l *Log) At(ctx context.Context, n uint64) (Head, error) {
	p, sum, err := l.readPlan(ctx, n)
	if err != nil {
		return Head{}, err
	}
	return l.complete(ctx, Head{N: n, Plan: p, PlanSum: sum})
}

// readPlan reads plan n and checks that it is that of this log.
func (l *Log) readPlan(ctx context.Context, n uint64) (*Plan, string, error) {
	name := PlanName(l.capture, n)
	data, err := l.store.Get(ctx, name)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", name, err)
	}
	p, err := decodePlan(name, data)
	if err != nil {
		return nil, "", err
	}
	if err = p.checkCapture(l.capture); err == nil && p.N != n {
		err = fmt.Errorf("plan %d", p.N)
	}
	if err != nil {
		return nil, "", &CorruptError{
			Object: name, Expected: fmt.Sprintf("plan %d of capture %q", n, l.capture), Found: err.Error(),
			Advice: adviceRestore,
		}
	}
	return p, Sum(data), nil
}

// complete adds the done and the lost record of a cut, as far as they are there. A lost record is written before done, so done is read first:
// if it names a lost record, that one is there.
func (l *Log) complete(ctx context.Context, h Head) (Head, error) {
	h.Done, h.DoneSum, h.Lost, h.LostSum = nil, "", nil, ""
	name := DoneName(l.capture, h.N)
	data, err := l.store.Get(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l.addLost(ctx, h)
	case err != nil:
		return h, fmt.Errorf("read %s: %w", name, err)
	}
	if h.Done, err = decodeDone(name, data); err != nil {
		return h, err
	}
	h.DoneSum = Sum(data)
	if h.Done.Lost != "" {
		if h, err = l.addLost(ctx, h); err != nil {
			return h, err
		}
	}
	if err := CheckDone(h); err != nil {
		return h, &CorruptError{Object: name, Expected: fmt.Sprintf("the done record of plan %d", h.N), Found: err.Error(), Advice: adviceRestore}
	}
	return h, nil
}

// addLost adds the newest lost record of a cut, or the one that its done record names.
func (l *Log) addLost(ctx context.Context, h Head) (Head, error) {
	for k := uint64(1); h.Done == nil || h.Done.Lost != h.LostSum; k++ {
		name := LostName(l.capture, h.N, k)
		data, err := l.store.Get(ctx, name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && h.Done == nil:
			return h, nil
		case errors.Is(err, fs.ErrNotExist) && k == 1:
			return h, l.missing(name, fmt.Sprintf("the lost record that done %d names", h.N))
		case errors.Is(err, fs.ErrNotExist):
			return h, &CorruptError{
				Object: DoneName(l.capture, h.N), Expected: fmt.Sprintf("the SHA-256 of a lost record of cut %d", h.N),
				Found: fmt.Sprintf("a lost record with SHA-256 %s, which is none of the %d that are there", h.Done.Lost, k-1), Advice: adviceRestore,
			}
		case err != nil:
			return h, fmt.Errorf("read %s: %w", name, err)
		}
		lost, err := decodeLost(name, data)
		if err != nil {
			return h, err
		}
		if err := errors.Join(CheckLost(h.Plan, h.PlanSum, lost), lost.follows(h.Lost)); err != nil || lost.K != k {
			return h, &CorruptError{Object: name, Expected: fmt.Sprintf("lost record %d of plan %d", k, h.N), Found: fmt.Sprint(err), Advice: adviceRestore}
		}
		h.Lost, h.LostSum = lost, Sum(data)
	}
	return h, nil
}

const (
	adviceRestore = "restore the object from a copy, or find out what else writes to this archive"
	adviceMissing = "restore it from a copy; keep _jetcapture/ out of bucket expiry and out of clean-ups"
)

func (l *Log) missing(object, expected string) error {
	return &CorruptError{Object: object, Expected: expected, Found: "nothing", Advice: adviceMissing}
}

// missingAs makes a *CorruptError of an error that says that an object which must be there is not.
func missingAs(err error, object, expected string) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return &CorruptError{Object: object, Expected: expected, Found: "nothing", Advice: adviceMissing}
}
