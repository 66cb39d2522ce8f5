package archive

import (
	"context"
	"fmt"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

// A list is a hint. What the log says must be there is asked for by name, and what a list lacks of it is told, since
// what no plan names can only be found in lists.

// unlisted are objects that are there and that a list lacks.
type unlisted struct {
	n     int64
	first string
	cut   uint64 // of the first
}

func (u *unlisted) add(name string, cut uint64) {
	if u.n == 0 {
		u.first, u.cut = name, cut
	}
	u.n++
}

// tellUnlisted reports what a list lacks.
func (l *logCheck) tellUnlisted(u unlisted, what string) {
	if u.n == 0 {
		return
	}
	l.found(l.finding(u.cut, Unlisted, u.first, "a list of the store that has everything that is there",
		fmt.Sprintf("one without %d %s of this capture, of which this is the first", u.n, what), adviceUnlisted))
}

// list reads the numbers of the records. It notes objects that are not records.
func (l *logCheck) list(ctx context.Context) error {
	prefix := logRoot + l.capture.name + "/"
	for e, err := range l.archive.list(ctx, prefix, "") {
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		n, _, isRecord := cutlog.ParseLogName(e.Name)
		_, _, isStream := cutlog.ParseStreamName(e.Name)
		switch {
		case isStream && e.Odd == "":
			l.streams = append(l.streams, e.Name)
		case isRecord && n > l.numbers.Last():
			l.numbers.Add(n)
		case isRecord && n < l.numbers.Last():
			return fmt.Errorf("list %s: the store does not list in the order of the names: %s is late", prefix, e.Name)
		case !isRecord && !l.capture.owns(e.Name) && !isTemp(e.Name):
			l.stray(l.capture.name, e)
		}
	}
	if err := l.beyond(ctx); err != nil {
		return err
	}
	l.count(func(_ *Report, p *Progress) { p.Capture, p.Cut, p.Last = l.capture.name, 0, l.numbers.Last() })
	return nil
}

// isTemp reports whether a name is that of a temporary file, which a copy of a local archive may have.
func isTemp(name string) bool { return strings.HasPrefix(name, logRoot+tempDir+"/.") }

// stray notes something in _jetcapture/ that is not a record.
func (v *verifier) stray(capture string, e bucket.Entry) {
	f := Finding{
		Severity: Note, Kind: Stray, Capture: capture, Object: e.Name, Expected: "records only",
		Found: "something that nothing reads", Advice: "move it out of the archive",
	}
	if e.Odd != "" {
		f.Found = e.Odd
	}
	v.found(f)
}

// beyond asks for the cuts after those in the list.
func (l *logCheck) beyond(ctx context.Context) error {
	last := l.numbers.Last()
	for n := last + 1; n != 0; n++ {
		there, err := l.hasCut(ctx, n)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := l.reading(err); err != nil {
			return err
		}
		if !there && err == nil {
			break
		}
		l.numbers.Add(n)
	}
	if l.numbers.Last() == last {
		return nil
	}
	return l.listAgain(ctx, last)
}

// hasCut asks for the records of a cut that one without losses has.
func (l *logCheck) hasCut(ctx context.Context, n uint64) (bool, error) {
	there, err := l.archive.holds(ctx, cutlog.PlanName(l.capture.name, n))
	if there || err != nil {
		return there, err
	}
	return l.archive.holds(ctx, cutlog.DoneName(l.capture.name, n))
}

// listAgain reports the cuts after the given one that are still not in the list. A running capture may have made them
// since.
func (l *logCheck) listAgain(ctx context.Context, after uint64) error {
	listed := after
	prefix := cutlog.LogPrefix(l.capture.name)
	for e, err := range l.archive.list(ctx, prefix, cutlog.PlanName(l.capture.name, after)) {
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		if n, _, isRecord := cutlog.ParseLogName(e.Name); isRecord {
			listed = max(listed, n)
		}
	}
	if listed >= l.numbers.Last() {
		return nil
	}
	first := cutlog.PlanName(l.capture.name, listed+1)
	if link, err := l.archive.linkAbove(ctx, first); err != nil || link != "" {
		return err // the link itself is noted
	}
	l.tellUnlisted(unlisted{int64(l.numbers.Last() - listed), first, listed + 1}, "cuts")
	return nil
}
