package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
)

// plan reads plan n without its other records.
func (l *logCheck) plan(ctx context.Context, n uint64) (cutlog.Head, error) {
	only := hiding{l.capture.store, func(name string) bool { return name != cutlog.PlanName(l.capture.name, n) }}
	return cutlog.New(only, l.capture.name).At(ctx, n)
}

// records are those records of a cut that can be used.
type records struct {
	cutlog.Head      // Plan is nil if it cannot be used
	broken      bool // there is or should be a done record, but it cannot be used
	lostUnknown bool // done names a lost record that cannot be used
}

// read reads the records of cut n and reports what is wrong with each.
func (l *logCheck) read(ctx context.Context, n uint64) (records, error) {
	planName, doneName := cutlog.PlanName(l.capture.name, n), cutlog.DoneName(l.capture.name, n)
	r := records{}
	hidden := map[string]bool{}
	view := cutlog.New(hiding{l.capture.store, func(name string) bool { return hidden[name] }}, l.capture.name)
	for {
		h, err := view.At(ctx, n)
		switch f, isFault := l.fault(err); {
		case err == nil:
			r.Head = h
			return r, l.complete(ctx, &r)
		case errors.Is(err, fs.ErrNotExist):
			l.unknown(l.finding(n, Missing, planName,
				fmt.Sprintf("plan %d, as other records of the cut are there", n), "nothing", adviceLog))
			return records{Head: cutlog.Head{N: n, DoneSum: l.doneSum(ctx, n)}}, nil
		case !isFault:
			return r, err
		case f.Object == planName:
			f.Cut = n
			l.unknown(f)
			return records{Head: cutlog.Head{N: n, DoneSum: l.doneSum(ctx, n)}}, l.reading(ifUnreadable(err))
		default:
			f.Cut = n
			f = l.blame(ctx, f)
			l.found(f)
			if err := l.reading(ifUnreadable(err)); err != nil {
				return r, err
			}
			r.broken = r.broken || f.Object == doneName || f.Object == planName
			r.lostUnknown = r.lostUnknown || f.Object != doneName && f.Object != planName
			hidden[f.Object], hidden[doneName] = true, true
			delete(hidden, planName) // the plan itself is read all the same
		}
	}
}

// complete adds what is known of a done record that could not be used, or reports that one is missing.
func (l *logCheck) complete(ctx context.Context, r *records) error {
	switch {
	case r.broken && r.lostUnknown:
	case r.broken: // the plan was blamed if the next one names this sum
		r.DoneSum = l.attestedSum(ctx, r.N)
	case r.lostUnknown:
		r.Lost, r.LostSum = nil, ""
		l.addDone(ctx, r)
	case r.Done == nil && !l.isNewest(ctx, r.N):
		// A running capture may have put both done n and plan n+1 since the first look.
		if again, err := l.capture.log.At(ctx, r.N); err == nil && again.Done != nil {
			r.Head = again
			return nil
		}
		r.broken = true
		f := l.finding(r.N, Missing, cutlog.DoneName(l.capture.name, r.N),
			fmt.Sprintf("done %d, as later records are there", r.N), "nothing", adviceLog)
		l.found(withRange(f, r.Plan))
	}
	return ctx.Err()
}

// addDone adds a done record that could not be checked against its lost record.
func (l *logCheck) addDone(ctx context.Context, r *records) {
	data, err := l.capture.store.Get(ctx, cutlog.DoneName(l.capture.name, r.N))
	if err != nil { // not there: the cut is not finished
		r.broken = !l.isNewest(ctx, r.N)
		return
	}
	d, err := cutlog.DecodeDone(data)
	if err != nil || d.Plan != r.PlanSum || len(d.Files) != len(r.Plan.Blocks) {
		r.broken = true
		return
	}
	r.Done, r.DoneSum = d, cutlog.Sum(data)
}

// withRange adds the sequences of a plan's range.
func withRange(f Finding, p *cutlog.Plan) Finding {
	if p.From < p.To {
		f.Seqs.AddRange(p.From+1, p.To)
	}
	return f
}

// fault makes a finding of an error that says what is wrong with an object. It returns false for any other error, such
// as that of ctx.
func (l *logCheck) fault(err error) (Finding, bool) {
	var corrupt *cutlog.CorruptError
	var version *cutlog.VersionError
	var broken *unreadableError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Finding{}, false
	case errors.As(err, &version):
		return l.finding(0, UnknownKind, version.Object,
			fmt.Sprintf("layout version %d", cutlog.Version), fmt.Sprintf("version %d", version.Found),
			"verify with the version of jetcapture that wrote it, or a newer one"), true
	case errors.As(err, &broken):
		return l.finding(0, Unreadable, broken.object, "an object that can be read", broken.err.Error(),
			"check the store and verify again"), true
	case errors.As(err, &corrupt):
		kind := Contradicts
		switch {
		case corrupt.Found == cutlog.FoundNothing:
			kind = Missing
		case strings.HasPrefix(corrupt.Found, "damage"):
			kind = Damaged
		}
		return l.finding(0, kind, corrupt.Object, corrupt.Expected, corrupt.Found, corrupt.Advice), true
	}
	return Finding{}, false
}

// ifUnreadable returns err if it says that the store could not give an object.
func ifUnreadable(err error) error {
	if broken := (*unreadableError)(nil); errors.As(err, &broken) {
		return err
	}
	return nil
}

// reportFault reports an error about one object.
func (l *logCheck) reportFault(ctx context.Context, err error) error {
	f, isFault := l.fault(err)
	if !isFault {
		return errors.Join(err, ctx.Err())
	}
	l.found(f)
	return nil
}

// doneSum returns the sum of the stored done record, if the record is intact. The next plan must name this sum, even if
// the record is wrong.
func (l *logCheck) doneSum(ctx context.Context, n uint64) string {
	data, err := l.capture.store.Get(ctx, cutlog.DoneName(l.capture.name, n))
	if err != nil {
		return ""
	}
	if d, err := cutlog.DecodeDone(data); err != nil || d.N != n {
		return ""
	}
	return cutlog.Sum(data)
}

// attestedSum returns doneSum if the next plan names it, otherwise an empty string.
func (l *logCheck) attestedSum(ctx context.Context, n uint64) string {
	sum := l.doneSum(ctx, n)
	if next, err := l.plan(ctx, n+1); sum != "" && err == nil && next.Plan.Prev == sum {
		return sum
	}
	return ""
}

// blame decides which record was changed if an intact done record contradicts others.
func (l *logCheck) blame(ctx context.Context, f Finding) Finding {
	if f.Kind != Contradicts || f.Object != cutlog.DoneName(l.capture.name, f.Cut) {
		return f
	}
	if l.attestedSum(ctx, f.Cut) != "" && !l.fitsPlan(ctx, f.Cut) {
		f.Object = cutlog.PlanName(l.capture.name, f.Cut)
		f.Expected = fmt.Sprintf("the plan that done %d was made for, which plan %d names", f.Cut, f.Cut+1)
		return f
	}
	if missing, sum := l.missingLost(ctx, f.Cut); missing != "" && l.fitsPlan(ctx, f.Cut) {
		return l.finding(f.Cut, Missing, missing,
			fmt.Sprintf("the lost record with SHA-256 %s that done %d names", sum, f.Cut), "nothing", adviceLog)
	}
	return f
}

// fitsPlan reports whether done n was made for the stored plan n.
func (l *logCheck) fitsPlan(ctx context.Context, n uint64) bool {
	h, err := l.plan(ctx, n)
	d := l.done(ctx, n)
	return err == nil && d != nil && d.Plan == h.PlanSum
}

// missingLost returns the name of the first missing lost record of cut n and the sum that done n names. It returns
// empty strings if a lost record has that sum.
func (l *logCheck) missingLost(ctx context.Context, n uint64) (name, sum string) {
	d := l.done(ctx, n)
	if d == nil || d.Lost == "" {
		return "", ""
	}
	for k := uint64(1); ; k++ {
		name := cutlog.LostName(l.capture.name, n, k)
		data, err := l.capture.store.Get(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			return name, d.Lost
		}
		if err != nil || cutlog.Sum(data) == d.Lost {
			return "", ""
		}
	}
}

// done reads done n by itself. It returns nil if it is missing or damaged.
func (l *logCheck) done(ctx context.Context, n uint64) *cutlog.Done {
	data, err := l.capture.store.Get(ctx, cutlog.DoneName(l.capture.name, n))
	if err != nil {
		return nil
	}
	d, err := cutlog.DecodeDone(data)
	if err != nil || d.N != n {
		return nil
	}
	return d
}
