package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture/cutlog"
)

// mend makes a done record again that something has deleted, if the newest cuts need it: without it no start could go
// on. It is a function of the plan and the files, and the next plan names its sum, so a wrong one cannot come about.
func (e *Entry) mend(ctx context.Context) error {
	for before := uint64(0); ; {
		var missing *cutlog.CorruptError
		err := e.Retry(ctx, "read the cut log", func(ctx context.Context) (err error) {
			e.Head, err = e.Log.Head(ctx) // Refresh goes on from there
			return err
		})
		if !errors.As(err, &missing) {
			return err
		}
		n, kind, ok := cutlog.ParseLogName(missing.Object)
		if !ok || kind != cutlog.RecordDone || missing.Found != cutlog.FoundNothing || n == before {
			return err
		}
		before = n
		if again := e.remakeDone(ctx, n); again != nil {
			return fmt.Errorf("%w; it cannot be made again from plan and files: %w", err, again)
		}
	}
}

// remakeDone puts done n if it is the one that plan n+1 was made after.
func (e *Entry) remakeDone(ctx context.Context, n uint64) error {
	var next cutlog.Head
	err := e.Retry(ctx, "read the cut log", func(ctx context.Context) (err error) {
		if next, err = e.Log.At(ctx, n+1); err == nil {
			e.Head, err = e.Log.At(ctx, n)
		}
		return err
	})
	defer func() { e.Head = cutlog.Head{} }() // Refresh begins with the newest
	if err != nil || e.Head.Done != nil {
		return err
	}
	e.Observer.Redoing(e.Head.Plan)
	files, err := e.foundFiles(ctx)
	if err != nil {
		return err
	}
	lost, err := e.lostSums(ctx)
	if err != nil {
		return err
	}
	for _, sum := range lost {
		d := &cutlog.Done{Version: cutlog.Version, N: n, Plan: e.Head.PlanSum, Lost: sum, Files: files}
		rec, err := cutlog.EncodeDone(e.Capture, d)
		if err != nil {
			return err
		}
		if rec.Sum == next.Plan.Prev {
			return e.putDone(ctx, rec, d)
		}
	}
	return fmt.Errorf("plan %d follows another done record than these files would have", n+1)
}

func (e *Entry) putDone(ctx context.Context, rec cutlog.Record, d *cutlog.Done) error {
	won, err := e.put(ctx, rec)
	if err == nil && !won {
		return errors.New("another writer has put another one")
	}
	if err == nil {
		e.Head.Done, e.Head.DoneSum = d, rec.Sum
		e.Observer.Redone(e.Head)
	}
	return err
}

// foundFiles reads the files of the head's plan. One that is not there was never made, as all its messages were lost.
func (e *Entry) foundFiles(ctx context.Context) ([]cutlog.File, error) {
	p := e.Head.Plan
	files := make([]cutlog.File, len(p.Blocks))
	err := e.Redoer.Each(ctx, len(files), func(ctx context.Context, i int) error {
		f, there, err := e.Redoer.Find(ctx, p, i)
		if err == nil && !there {
			f = cutlog.File{Missing: true}
		}
		files[i] = f
		return err
	})
	return files, err
}

// lostSums returns what the done record of the head's plan can say of a lost record.
func (e *Entry) lostSums(ctx context.Context) ([]string, error) {
	sums := []string{""}
	if e.Head.Lost == nil {
		return sums, nil
	}
	for k := uint64(1); k <= e.Head.Lost.K; k++ {
		var sum string
		err := e.Retry(ctx, "read the cut log", func(ctx context.Context) (err error) {
			sum, err = e.Log.SumOf(ctx, cutlog.LostName(e.Capture, e.Head.N, k))
			return err
		})
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	return sums, nil
}
