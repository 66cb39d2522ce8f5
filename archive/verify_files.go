package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

// files yields everything that is not in the logs, ascending by name.
func (a *Archive) files(ctx context.Context) iter.Seq2[bucket.Entry, error] {
	return func(yield func(bucket.Entry, error) bool) {
		for after, more := "", true; more; {
			more = false
			for e, err := range a.list(ctx, "", after) {
				if err != nil {
					yield(e, fmt.Errorf("list the files of %s: %w", a, err))
					return
				}
				if strings.HasPrefix(e.Name, logRoot) {
					// '0' comes after '/': go on after all logs.
					after, more = strings.TrimSuffix(logRoot, "/")+"0", true
					break
				}
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// hiddenCapture is the only name of a capture that begins with "_". Earlier versions let one begin.
const hiddenCapture = "_none"

// isFile reports whether an object is a file of data or of dead letters. No part of such a name begins with "_" or ".",
// see docs/FORMAT.md, but for the file of hiddenCapture and its directory of dead letters.
func isFile(name string) bool {
	dir, base := path.Split(name)
	if id, isBlock := cutlog.ParseBlockName(base); isBlock && id.Capture == hiddenCapture {
		dir, base = strings.TrimPrefix(dir, cutlog.DeadPrefix(hiddenCapture)+"/"), ""
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(dir+base, deadRoot), "/") {
		if strings.HasPrefix(segment, "_") || strings.HasPrefix(segment, ".") {
			return false
		}
	}
	return true
}

// catchUp adds the names of files that were planned since the log was read, if the file can be one of them.
func (l *logCheck) catchUp(ctx context.Context, id cutlog.BlockID) error {
	if p := l.newest.Plan; p != nil && p.Incarnation == id.Incarnation && id.First <= p.To {
		return nil
	}
	for {
		next, ok, err := l.capture.log.Next(ctx, l.newest)
		if err != nil || !ok || next.Plan == nil {
			return l.tolerate(ctx, err)
		}
		if next.N != l.newest.N {
			l.name(next.Plan)
		}
		if next.N > l.numbers.Last() {
			l.numbers.Add(next.N)
		}
		l.newest = next
	}
}

// tolerate drops an error that comes from damage, which is reported elsewhere.
func (l *logCheck) tolerate(ctx context.Context, err error) error {
	if _, isFault := l.fault(err); isFault || errors.Is(err, fs.ErrNotExist) {
		return ctx.Err()
	}
	return err
}

// name adds the names of the files of a plan.
func (l *logCheck) name(p *cutlog.Plan) {
	for i := range p.Blocks {
		l.names.add(p.Blocks[i].Path())
	}
}

// nameAgain adds the names of the files of all plans that can be read, for another range of the set.
func (l *logCheck) nameAgain(ctx context.Context) error {
	return l.eachPlan(ctx, func(p *cutlog.Plan) error {
		l.name(p)
		return nil
	})
}

// eachPlan calls f with each plan that can be read, until f fails.
func (l *logCheck) eachPlan(ctx context.Context, f func(*cutlog.Plan) error) error {
	for first, last := range l.numbers.Runs() {
		for n := first; n <= last && n != 0; n++ {
			h, err := l.plan(ctx, n)
			if err == nil {
				err = f(h.Plan)
			} else {
				err = l.tolerate(ctx, err)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
