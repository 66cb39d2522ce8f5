package cutlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// EncodeFormat checks a format and encodes it.
func EncodeFormat(f Format) (Record, error) {
	if err := f.Check(); err != nil {
		return Record{}, fmt.Errorf("encode %s: %w", FormatName(f.Capture), err)
	}
	f.Version = Version
	return seal(FormatName(f.Capture), &f)
}

// DecodeFormat reads the bytes of a stored format.json and checks it. Its errors are *CorruptError and *VersionError.
func DecodeFormat(data []byte) (Format, error) { return decodeFormat("", data) }

func decodeFormat(name string, data []byte) (Format, error) {
	var f Format
	err := decodeSmall(name, data, &f, f.Check)
	return f, err
}

// ReadFormat reads format.json. The error wraps fs.ErrNotExist if there is none.
func (l *Log) ReadFormat(ctx context.Context) (Format, error) {
	name := FormatName(l.capture)
	data, err := l.store.Get(ctx, name)
	if err != nil {
		return Format{}, fmt.Errorf("read %s: %w", name, err)
	}
	f, err := decodeFormat(name, data)
	if err == nil && f.Capture != l.capture {
		return f, &CorruptError{
			Object: name, Expected: fmt.Sprintf("capture %q", l.capture), Found: fmt.Sprintf("capture %q", f.Capture),
			Advice: "the object was copied or renamed: restore it",
		}
	}
	return f, err
}

// PutFormat makes sure that format.json is there and agrees with f. Plan 1 must be in the log and agree with f as well;
// its Format is what is put. If one of them does not agree, the error is a *MismatchError. After any other error
// nothing is decided: call it again.
func (l *Log) PutFormat(ctx context.Context, f Format) error {
	found, err := l.ReadFormat(ctx)
	if err == nil {
		return found.fits(FormatName(l.capture), f)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	name := PlanName(l.capture, 1)
	first, _, err := l.readPlan(ctx, 1)
	if err != nil {
		return fmt.Errorf("put %s after plan 1: %w", FormatName(l.capture), err)
	}
	if err := first.Format.fits(name, f); err != nil {
		return err
	}
	return l.putFormat(ctx, *first.Format)
}

func (l *Log) putFormat(ctx context.Context, f Format) error {
	r, err := EncodeFormat(f)
	if err != nil {
		return err
	}
	won, err := l.Put(ctx, r)
	if won || err != nil {
		return err
	}
	found, err := l.ReadFormat(ctx)
	if err != nil {
		return err
	}
	return found.fits(r.Name, f)
}

func (f Format) equal(o Format) bool {
	return f.Capture == o.Capture && f.Stream == o.Stream && f.Account == o.Account && f.Domain == o.Domain &&
		slices.Equal(f.Filter, o.Filter)
}

// Agrees returns a *MismatchError unless a capture as want says may go on with a log of this format.
func (f Format) Agrees(want Format) error { return f.fits(FormatName(f.Capture), want) }

// fits compares a format that was found with the one that is wanted. Accounts are compared only if both are known.
func (f Format) fits(object string, want Format) error {
	var expected, found []string
	differ := func(what, a, b string) {
		if a != b {
			found = append(found, named(what, a))
			expected = append(expected, named(what, b))
		}
	}
	differ("capture", f.Capture, want.Capture)
	differ("stream", f.Stream, want.Stream)
	if f.Account != "" && want.Account != "" {
		differ("account", f.Account, want.Account)
	}
	differ("domain", f.Domain, want.Domain)
	differ(subjectFilter, strings.Join(f.Filter, " "), strings.Join(want.Filter, " "))
	if len(found) == 0 {
		return nil
	}
	return &MismatchError{
		Object: object, Expected: strings.Join(expected, ", "), Found: strings.Join(found, ", "),
		Advice: "stream and subject filter are fixed for a capture, so give this one another name or another archive",
	}
}

const subjectFilter = "subject filter"

// named returns a member of a format with its value, for an error.
func named(what, value string) string {
	if what == subjectFilter && value == "" {
		return "no subject filter (the whole stream)"
	}
	return fmt.Sprintf("%s %q", what, value)
}

// Probe puts format.json again with the bytes that it holds. The store must refuse that with ErrExists. If the store
// accepts, the error is a *NoCreateOnlyError; after any other error nothing is known. The archive does not change in
// any case, but that a Prober makes its object. Call Probe at every start, before anything else is put.
func (l *Log) Probe(ctx context.Context) error {
	name := FormatName(l.capture)
	data, err := l.store.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("probe the store with %s: %w", name, err)
	}
	switch err := l.store.PutNew(ctx, name, data); {
	case err == nil:
		return &NoCreateOnlyError{Object: name}
	case !errors.Is(err, ErrExists):
		return fmt.Errorf("probe the store with a second put of %s: %w", name, err)
	}
	if p, ok := l.store.(Prober); ok {
		return p.Probe(ctx, ProbeName(l.capture))
	}
	return nil
}
