package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
)

// files looks for files that no plan names. All plans were read once. If they name more files than the set of names
// holds, plans are read and files listed again for each further range of the set.
func (v *verifier) files(ctx context.Context) error {
	for first := true; ; first = false {
		if err := v.lookForUnplanned(ctx, first); err != nil {
			return err
		}
		if !v.names.next() {
			break
		}
		for _, l := range v.logs {
			if err := l.nameAgain(ctx); err != nil {
				return err
			}
		}
	}
	for _, capture := range slices.Sorted(maps.Keys(v.logs)) {
		v.logs[capture].tellUnjudged()
	}
	return nil
}

// lookForUnplanned lists all files and looks up those in the range of the set.
func (v *verifier) lookForUnplanned(ctx context.Context, first bool) error {
	v.count(func(_ *Report, p *Progress) { p.Capture, p.Cut, p.Last, p.Listed = "", 0, 0, 0 })
	for name, err := range v.archive.fileNames(ctx) {
		if err != nil {
			return err
		}
		if !isFile(name) {
			if first {
				v.report.Foreign++
			}
			continue
		}
		v.count(func(r *Report, p *Progress) {
			p.Listed++
			if first {
				r.Listed++
			}
		})
		if v.names.covers(name) && !v.names.has(name) {
			if err := v.notPlanned(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileNames yields the names of all objects that are not in the logs, ascending.
func (a *Archive) fileNames(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for after, more := "", true; more; {
			more = false
			for info, err := range a.bucket.List(ctx, "", after) {
				if err != nil {
					yield("", fmt.Errorf("list the files of %s: %w", a, err))
					return
				}
				if strings.HasPrefix(info.Name, logRoot) {
					// '0' comes after '/': go on after all logs.
					after, more = strings.TrimSuffix(logRoot, "/")+"0", true
					break
				}
				if !yield(info.Name, nil) {
					return
				}
			}
		}
	}
}

// isFile reports whether an object is a file of data or of dead letters. No part of such a name begins with "_" or ".",
// see docs/FORMAT.md.
func isFile(name string) bool {
	for segment := range strings.SplitSeq(strings.TrimPrefix(name, deadRoot), "/") {
		if strings.HasPrefix(segment, "_") || strings.HasPrefix(segment, ".") {
			return false
		}
	}
	return true
}

// notPlanned judges a file that is in none of the plans read so far. It may belong to a newer cut, or to one whose plan
// is damaged.
func (v *verifier) notPlanned(ctx context.Context, name string) error {
	id, isBlock := cutlog.ParseBlockName(path.Base(name))
	if v.opts.Capture != "" && (!isBlock || id.Capture != v.opts.Capture) {
		return nil
	}
	if isBlock && cutlog.CheckCapture(id.Capture) == nil {
		l := v.log(id.Capture)
		if err := l.catchUp(ctx, id); err != nil {
			return err
		}
		if v.names.has(name) {
			v.report.Later++
			return nil
		}
		if l.unjudged(id) {
			return nil
		}
	}
	f := Finding{
		Severity: Problem, Kind: Unplanned, Object: name, Expected: "a plan that names it", Found: "none",
		Advice: adviceUnplanned,
	}
	if isBlock {
		f.Capture = id.Capture
		f.Seqs.AddRange(id.First, id.Last)
		f.Found = "none; the stream sequences are those of its name"
	}
	v.found(f)
	return nil
}

// log returns the log of a capture, also of one that began after the captures were listed.
func (v *verifier) log(capture string) *logCheck {
	l := v.logs[capture]
	if l == nil {
		l = &logCheck{verifier: v, capture: v.archive.capture(capture)}
		v.logs[capture] = l
	}
	return l
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
	for first, last := range l.numbers.Runs() {
		for n := first; n <= last && n != 0; n++ {
			h, err := l.plan(ctx, n)
			if err != nil {
				if err := l.tolerate(ctx, err); err != nil {
					return err
				}
				continue
			}
			l.name(h.Plan)
		}
	}
	return nil
}
