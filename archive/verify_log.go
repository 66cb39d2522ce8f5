package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
)

// logCheck is the check of one log. It goes from record to record, and past damaged ones. The goroutine of Verify owns
// it.
type logCheck struct {
	*verifier
	capture *Capture
	ahead   *ahead        // the store of the capture
	compare *comparison   // nil: no stream to compare with
	numbers cutlog.SeqSet // of the cuts that had a record in the listing
	prev    link          // the cut before the present one
	newest  cutlog.Head   // the last cut that could be read
	waiting []Finding     // unreadable plans; the next readable one says which sequences they concern
	blind   []span        // parts of the log that cannot be read
	passed  int64         // files in these parts, which cannot be judged
	settled uint64        // the last cut that was complete when it was read
	hidden  unlisted      // its files that no list shows
	streams []string      // names of the records of how the stream was configured
}

// link is what the next plan is compared with.
type link struct {
	cutlog.Head        // Plan is nil if it could not be read
	to          uint64 // end of the range of the last plan that could be read
	incarnation string // incarnation of that plan
}

// span is a range of stream sequences, without after itself, whose plans cannot be read. incarnation is empty if it is
// not known.
type span struct {
	after, through uint64
	incarnation    string
}

// check checks the whole log, up to the last cut that a listing shows.
func (l *logCheck) check(ctx context.Context) error {
	if err := l.list(ctx); err != nil {
		return err
	}
	l.ahead.last = l.numbers.Last()
	if err := l.openStream(ctx); err != nil {
		return err
	}
	return errors.Join(l.walk(ctx), l.compare.close(ctx))
}

// walk checks all cuts and then the format.
func (l *logCheck) walk(ctx context.Context) error {
	next := uint64(1)
	for first, last := range l.numbers.Runs() {
		if err := l.gap(ctx, next, first); err != nil {
			return err
		}
		for n := first; ; n++ {
			if err := l.cut(ctx, n); err != nil {
				return err
			}
			if n == last {
				break
			}
		}
		next = last + 1 // 0 after the greatest number, which ends the loop, too
	}
	l.reachedEnd()
	return errors.Join(l.format(ctx), l.streamConfigs(ctx))
}

// gap checks the numbers from next up to first, which have no record in the listing. Listings can be late, so it tries
// to read the first of them.
func (l *logCheck) gap(ctx context.Context, next, first uint64) error {
	for ; next < first; next++ {
		_, err := l.plan(ctx, next)
		if errors.Is(err, fs.ErrNotExist) {
			l.unknown(l.finding(next, Missing, cutlog.PlanName(l.capture.name, next),
				gapExpected(next, first-1), "nothing", adviceLog))
			l.prev = link{to: l.prev.to, incarnation: l.prev.incarnation, Head: cutlog.Head{N: first - 1}}
			return nil
		}
		if err := l.cut(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

func gapExpected(first, last uint64) string {
	if first == last {
		return fmt.Sprintf("plan %d, as the log has later records", first)
	}
	return fmt.Sprintf("plans %d to %d with their done records, as the log has later records", first, last)
}

// cut checks the records of cut n and its files.
func (l *logCheck) cut(ctx context.Context, n uint64) error {
	l.count(func(_ *Report, p *Progress) { p.Cut = n })
	r, err := l.read(ctx, n)
	if err != nil {
		return err
	}
	if r.Plan == nil {
		l.prev = link{Head: r.Head, to: l.prev.to, incarnation: l.prev.incarnation}
		return nil
	}
	l.known(r.Plan)
	l.chain(r.Head)
	l.overlap(r.Plan)
	if err := l.cutFiles(ctx, r); err != nil {
		return err
	}
	l.prev = link{Head: r.Head, to: r.Plan.To, incarnation: r.Plan.Incarnation}
	l.newest = r.Head
	return nil
}

// chain checks that a plan follows the cut before.
func (l *logCheck) chain(h cutlog.Head) {
	p, before := h.Plan, l.prev.Head
	if before.N == 0 {
		before = cutlog.Head{}
	}
	switch {
	case before.DoneSum != "" && p.Prev != before.DoneSum:
		l.found(l.finding(before.N, Contradicts, cutlog.DoneName(l.capture.name, before.N),
			fmt.Sprintf("SHA-256 %s, as plan %d says", p.Prev, p.N), "SHA-256 "+before.DoneSum, adviceRestore))
		return
	case before.N > 0 && before.Plan == nil:
		return
	case before.N > 0 && before.Done == nil: // already reported; the rest can still be checked
		before.Done, before.DoneSum = new(cutlog.Done), p.Prev
	}
	if err := cutlog.CheckChain(before, p); err != nil {
		l.found(l.finding(p.N, Contradicts, cutlog.PlanName(l.capture.name, p.N),
			fmt.Sprintf("the plan after cut %d", before.N), err.Error(), adviceRestore))
	}
}

// overlap notes the sequences that an incarnation shares with the one before, other than those of a recreated stream.
// Plans of earlier programs do not say the cause: there, only a rolled-back stream has the creation time of the one
// before.
func (l *logCheck) overlap(p *cutlog.Plan) {
	before := l.prev.Plan
	if !p.Opens || before == nil || p.From >= before.To {
		return
	}
	found := "two incarnations that have these sequences: the stream lost messages after " +
		fmt.Sprintf("sequence %d and gave their sequences to others", p.From)
	switch {
	case p.Cause == "" && p.Stream.Created.Equal(before.Stream.Created):
		found += "; what it had kept of them is stored twice"
	case p.Cause != cutlog.CauseRolledBack && p.Cause != cutlog.CauseRestored:
		return
	}
	f := l.finding(p.N, Overlap, cutlog.PlanName(l.capture.name, p.N),
		fmt.Sprintf("an incarnation that goes on after sequence %d", before.To), found, "")
	f.Severity = Note
	f.Seqs.AddRange(p.From+1, before.To)
	l.found(f)
}

// cutFiles checks the files of a cut and compares them with the stream.
func (l *logCheck) cutFiles(ctx context.Context, r records) error {
	cut := l.capture.cut(r.Head)
	l.name(r.Plan)
	pending := r.Done == nil && !r.broken
	l.count(func(report *Report, _ *Progress) {
		report.Cuts++
		if r.Done != nil {
			report.Finished++
		}
		report.Counts.Add(cut.Counts())
		report.Reasons.Add(cut.Reasons())
	})
	if !pending {
		l.settled = r.N
	}
	files, err := l.checkFiles(ctx, cut, !pending, r.lostUnknown)
	if err != nil {
		return err
	}
	if pending {
		if err := l.pending(ctx, cut, files); err != nil {
			return err
		}
	}
	return l.compare.cut(ctx, cut, files)
}

// isNewest reports whether cut n may lack a done record, because nothing comes after it.
func (l *logCheck) isNewest(ctx context.Context, n uint64) bool {
	if n < l.numbers.Last() {
		return false
	}
	_, err := l.plan(ctx, n+1)
	return errors.Is(err, fs.ErrNotExist)
}

// checkFiles checks the files of a cut.
func (l *logCheck) checkFiles(ctx context.Context, cut Cut, strict, lostUnknown bool) (files []checked, err error) {
	n := len(cut.Plan.Blocks)
	files = make([]checked, n)
	findings := make([][]Finding, n)
	err = l.each(ctx, n, func(ctx context.Context, i int) error {
		f := &file{verifier: l.verifier, cut: cut, index: i, block: cut.block(i), strict: strict, lostUnknown: lostUnknown}
		var err error
		findings[i], files[i], err = f.check(ctx)
		return err
	})
	for _, fs := range findings {
		for _, f := range fs {
			l.found(f)
		}
	}
	return files, err
}

// pending notes that the newest cut is still to be finished, unless a running capture has finished it meanwhile.
func (l *logCheck) pending(ctx context.Context, cut Cut, files []checked) error {
	name := cutlog.DoneName(l.capture.name, cut.N)
	if _, err := l.capture.store.Get(ctx, name); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return ctx.Err()
	}
	there := 0
	for _, f := range files {
		if f.sound {
			there++
		}
	}
	f := l.finding(cut.N, Pending, name, "a done record once the cut is complete",
		fmt.Sprintf("none: a cut still to be finished, with %d of its %d files there", there, len(files)),
		"a running capture is finishing it, or the next start does")
	f.Severity = Note
	l.found(withRange(f, cut.Plan))
	return nil
}

// format checks format.json against plan 1.
func (l *logCheck) format(ctx context.Context) error {
	name := cutlog.FormatName(l.capture.name)
	format, err := l.capture.Format(ctx)
	if errors.Is(err, fs.ErrNotExist) && l.numbers.Empty() {
		return nil // not a capture: its objects were noted
	}
	if errors.Is(err, fs.ErrNotExist) {
		f := l.finding(0, Missing, name, "the format, as the log has gone beyond plan 1", "nothing", adviceLog)
		if last := l.newest; last.N == 1 && last.Done == nil && l.numbers.Last() == 1 {
			f = l.finding(1, Pending, name, "the format once the log is complete",
				"none: its birth is still to be finished", "the next start finishes it")
			f.Severity = Note
		}
		l.found(f)
		return nil
	}
	if err != nil {
		return l.reportFault(ctx, err)
	}
	first, err := l.plan(ctx, 1)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && l.numbers.Empty() {
			l.found(l.finding(1, Missing, cutlog.PlanName(l.capture.name, 1),
				"plan 1, as format.json is there", "nothing", adviceLog))
		}
		return l.tolerate(ctx, err)
	}
	if want, got := fmt.Sprintf("%+v", *first.Plan.Format), fmt.Sprintf("%+v", format); want != got {
		l.found(l.finding(0, Contradicts, name, "what plan 1 says: "+want, got, adviceRestore))
	}
	return nil
}

// unknown keeps the finding of an unreadable plan until the next readable one says which sequences are concerned.
func (l *logCheck) unknown(f Finding) {
	const most = 1000
	if len(l.waiting) == most { // a hostile log: report without sequences, so that memory stays bounded
		l.found(f)
		return
	}
	l.waiting = append(l.waiting, f)
}

// known ends a part of the log whose plans cannot be read. p is the first plan after it.
func (l *logCheck) known(p *cutlog.Plan) {
	if len(l.waiting) == 0 {
		return
	}
	if p.Opens || l.prev.incarnation != "" && l.prev.incarnation != p.Incarnation {
		l.blindFor(span{through: math.MaxUint64}, math.MaxUint64) // it is not known how far the incarnations in between went
		return
	}
	l.blindFor(span{after: l.prev.to, through: p.From, incarnation: p.Incarnation}, p.From)
}

// reachedEnd is called at the end of the log. Everything after the last readable plan is blind.
func (l *logCheck) reachedEnd() {
	if len(l.waiting) > 0 {
		l.blindFor(span{after: l.prev.to, through: math.MaxUint64}, math.MaxUint64)
	}
}

// blindFor adds a part of the log that cannot be read, and reports the findings in it with the sequences up to through.
func (l *logCheck) blindFor(s span, through uint64) {
	l.blind = append(l.blind, s)
	for _, f := range l.waiting {
		if l.prev.to < through {
			f.Seqs.AddRange(l.prev.to+1, through)
		}
		l.found(f)
	}
	l.waiting = l.waiting[:0]
}

// unjudged reports whether a file may belong to an unreadable plan, and counts it.
func (l *logCheck) unjudged(id cutlog.BlockID) bool {
	for _, s := range l.blind {
		if id.First > s.after && id.First <= s.through && (s.incarnation == "" || s.incarnation == id.Incarnation) {
			l.passed++
			return true
		}
	}
	return false
}

// tellUnjudged notes how many files may belong to unreadable plans.
func (l *logCheck) tellUnjudged() {
	if l.passed == 0 {
		return
	}
	f := l.finding(0, Unchecked, strings.TrimSuffix(cutlog.LogPrefix(l.capture.name), "/"), "a plan for each file",
		fmt.Sprintf("%d files that may belong to the plans that are missing or damaged", l.passed), "")
	f.Severity = Note
	l.found(f)
}

// finding returns a problem of the log.
func (l *logCheck) finding(n uint64, k Kind, object, expected, found, advice string) Finding {
	return Finding{
		Severity: Problem, Kind: k, Capture: l.capture.name, Cut: n, Object: object, Expected: expected, Found: found,
		Advice: advice,
	}
}
