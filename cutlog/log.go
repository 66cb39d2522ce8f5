package cutlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
)

// Log is the cut log of one capture in a store. It holds no state but its place and an end that it has seen, so any
// number of Logs, in any number of processes, may work on one log. A Log may be used from several goroutines if its
// store may.
//
// A log is born in an order by which a start after a crash can tell every state from the others (see Birth):
//
//  1. plan 1, which opens the first incarnation and carries the Format;
//  2. format.json, with the same Format, then Probe;
//  3. done 1; from here on the log is a chain of plan n, then its files, then done n.
//
// Within a cut the order is: lost n, if there is one, before the first file that is not as planned; done n after every
// file; plan n+1 after done n. Names of files come from plans only. See docs/FORMAT.md.
type Log struct {
	store   Store
	capture string
	listed  atomic.Uint64 // the last record that Last has found; 0: it has found none
}

// New returns the log of a capture, a name that CheckCapture accepts. It does no I/O.
func New(store Store, capture string) *Log {
	return &Log{store: store, capture: capture}
}

// Head is one cut of a log with its records. The zero value stands before the first cut.
type Head struct {
	N       uint64
	Plan    *Plan // nil: the log is empty
	PlanSum string
	Done    *Done // nil: cut N is still to be finished
	DoneSum string
	// the lost record that counts; nil: there is none, or done does not name it, so that the files are whole
	Lost    *Lost
	LostSum string // empty without Lost
}

// Put puts a record and reads it back. won reports whether the log now holds exactly its bytes. Only that counts,
// because an answer of the store may be lost, late, or about an earlier try. If it is false, another record has the
// name for ever. After an error nothing is decided: call Put again with the same record, never with another one of the
// same name.
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
	case errors.Is(putErr, ErrExists): // no failure: what is there decides, once it can be read
		return false, fmt.Errorf("read back %s: %w", r.Name, err)
	default:
		return false, fmt.Errorf("read back %s: %w", r.Name, errors.Join(err, putErr))
	}
}

// Head returns the last cut of the log, or the zero Head if the log is empty. It lists the log for a hint, which may be
// late, and then reads one record after the other until there is none. It checks what it reads: sums, numbers, chain,
// capture. What does not fit is a *CorruptError.
func (l *Log) Head(ctx context.Context) (Head, error) {
	hint, err := l.Last(ctx)
	if err != nil {
		return Head{}, err
	}
	h := Head{}
	if hint > 1 { // begin one cut earlier, to check the chain to the last one
		if h, err = l.At(ctx, hint-1); err != nil {
			return Head{}, missingAs(err, PlanName(l.capture, hint-1),
				fmt.Sprintf("a plan, as the log has records of cut %d", hint))
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

// Next returns the cut after a Head, or the same cut if a done or lost record was added to it since. ok is false if
// there is nothing new. It walks a whole log from the zero Head on, and with the newest Head it notices other writers.
// A cut that does not follow in the chain is a *CorruptError.
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

// finished looks for the done record of a cut that had none. If the next plan is there, a missing done record is an
// error.
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
	// Both may have been put since the first look.
	if h, err = l.complete(ctx, after); err == nil && h.Done == nil {
		err = l.missing(DoneName(l.capture, after.N), fmt.Sprintf("a done record, as plan %d is there", after.N+1))
	}
	return h, err == nil, err
}

// At returns cut n without checking the cuts around it. The error wraps fs.ErrNotExist if the log has no plan n.
func (l *Log) At(ctx context.Context, n uint64) (Head, error) {
	p, sum, err := l.readPlan(ctx, n)
	if err != nil {
		return Head{}, err
	}
	return l.complete(ctx, Head{N: n, Plan: p, PlanSum: sum})
}

// readPlan reads plan n and its sum, and checks that it is plan n of this log.
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

// complete adds the done record and the lost record of a cut, if they are there. It reads done first: a lost record is
// written before done, so one that done names must be there.
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
		return h, &CorruptError{
			Object: name, Expected: fmt.Sprintf("the done record of plan %d", h.N), Found: err.Error(), Advice: adviceRestore,
		}
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
				Found:  fmt.Sprintf("a lost record with SHA-256 %s, which is not one of the %d that are there", h.Done.Lost, k-1),
				Advice: adviceRestore,
			}
		case err != nil:
			return h, fmt.Errorf("read %s: %w", name, err)
		}
		lost, err := decodeLost(name, data)
		if err != nil {
			return h, err
		}
		if err := errors.Join(CheckLost(h.Plan, h.PlanSum, lost), lost.follows(h.Lost)); err != nil || lost.K != k {
			return h, &CorruptError{
				Object: name, Expected: fmt.Sprintf("lost record %d of plan %d", k, h.N), Found: fmt.Sprint(err),
				Advice: adviceRestore,
			}
		}
		h.Lost, h.LostSum = lost, Sum(data)
	}
	return h, nil
}

const (
	adviceRestore = "restore the object from a copy, or find out what else writes to this archive"
	adviceMissing = "restore it from a copy; keep _jetcapture/ out of bucket expiry and out of clean-ups"
)

// SumOf returns the SHA-256 of a record as it is stored.
func (l *Log) SumOf(ctx context.Context, name string) (string, error) {
	data, err := l.store.Get(ctx, name)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return Sum(data), nil
}

// missing returns the error for an object that must be there and is not.
func (l *Log) missing(object, expected string) error {
	return &CorruptError{Object: object, Expected: expected, Found: FoundNothing, Advice: adviceMissing}
}

// missingAs returns the error of missing if err says that an object does not exist, and err otherwise.
func missingAs(err error, object, expected string) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return &CorruptError{Object: object, Expected: expected, Found: FoundNothing, Advice: adviceMissing}
}
