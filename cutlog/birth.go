package cutlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Stage says how far a log has come.
type Stage string

// The stages of a log.
const (
	// StageFresh: there is nothing. Put plan 1, which carries the Format, then call Birth again: another writer's plan may
	// have won.
	StageFresh Stage = "fresh"
	// StageBorn: plan 1 is there and nothing after it, but perhaps format.json. PutFormat, Probe, then finish cut 1.
	StageBorn Stage = "born"
	// StageAlive: the log has grown past plan 1. PutFormat (which only compares now), Probe, then Head.
	StageAlive Stage = "alive"
)

// Birth is the state of a log at a start.
type Birth struct {
	Stage  Stage
	Format Format // of plan 1; zero for StageFresh
}

// Birth returns how far the log has come. A state that no crash can leave behind is a *CorruptError: format.json
// without plan 1 (the log was deleted or has expired), or a log past plan 1 without format.json.
//
// It reads in the reverse order of writing (see Log), so that a concurrent writer cannot make a sound log look damaged.
func (l *Log) Birth(ctx context.Context) (Birth, error) {
	grown, err := l.grown(ctx)
	if err != nil {
		return Birth{}, err
	}
	format, err := l.ReadFormat(ctx)
	hasFormat := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Birth{}, err
	}
	first, _, err := l.readPlan(ctx, 1)
	switch {
	case err == nil:
	case !errors.Is(err, fs.ErrNotExist):
		return Birth{}, err
	case hasFormat || grown:
		return Birth{}, l.missing(PlanName(l.capture, 1), "the first plan, as other objects of this capture are there")
	default:
		return Birth{Stage: StageFresh}, nil
	}
	return l.born(*first.Format, grown, hasFormat, format)
}

// born decides the stage of a log that has plan 1.
func (l *Log) born(first Format, grown, hasFormat bool, format Format) (Birth, error) {
	switch {
	case grown && !hasFormat:
		return Birth{}, l.missing(FormatName(l.capture), "format.json, as the log has gone beyond plan 1")
	case hasFormat && !format.equal(first):
		return Birth{}, &CorruptError{
			Object: FormatName(l.capture), Expected: fmt.Sprintf("what plan 1 says: %+v", first),
			Found: fmt.Sprintf("%+v", format), Advice: adviceRestore,
		}
	case grown:
		return Birth{Stage: StageAlive, Format: first}, nil
	default:
		return Birth{Stage: StageBorn, Format: first}, nil
	}
}

// grown reports whether the log has a record that comes after format.json. A list may be late, so it looks for done 1
// as well.
func (l *Log) grown(ctx context.Context) (bool, error) {
	prefix := LogPrefix(l.capture)
	for name, err := range l.store.List(ctx, prefix, "") {
		if err != nil {
			return false, fmt.Errorf("list %s: %w", prefix, err)
		}
		if n, kind, ok := ParseLogName(name); ok && (n > 1 || kind != RecordPlan) {
			return true, nil
		}
	}
	name := DoneName(l.capture, 1)
	_, err := l.store.Get(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	return err == nil, nil
}
