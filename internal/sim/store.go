package sim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
)

// errFault is what an injected fault returns: the caller cannot know whether anything was applied.
var errFault = errors.New("injected fault")

// store is the object store that all processes of a world share.
type store struct {
	w       *World
	objects map[string][]byte
	late    []latePut
}

// latePut is a request that is carried out after its sender got an error, or died.
type latePut struct {
	name string
	data []byte
	at   int // step at which it is carried out
}

// apply carries out a put and reports whether it created the object.
func (s *store) apply(name string, data []byte) bool {
	_, there := s.objects[name]
	if there && (s.w.cfg.Mutant != NoCreateOnly || strings.HasSuffix(name, "format.json")) {
		return false
	}
	s.objects[name] = slices.Clone(data)
	s.w.trace("store: %s", object(name))
	return true
}

// delay queues a put for later.
func (s *store) delay(name string, data []byte) {
	s.late = append(s.late, latePut{name, slices.Clone(data), s.w.step + s.w.luck.delay()})
}

// flushLate carries out the late requests that are due, or all of them.
func (s *store) flushLate(all bool) {
	s.late = slices.DeleteFunc(s.late, func(l latePut) bool {
		if !all && l.at > s.w.step {
			return false
		}
		s.apply(l.name, l.data)
		s.w.Cov.LatePuts++
		return true
	})
}

// view is the store as one process sees it. It implements cutlog.Store.
type view struct {
	*store
	p *process
	// claimed holds what a mutant believes to be the content of a record, because it does not read it back.
	claimed map[string][]byte
}

// PutNew implements cutlog.Store.
func (v *view) PutNew(_ context.Context, name string, data []byte) error {
	v.p.yield()
	switch fault := v.w.luck.put(v.p, name); fault {
	case faultRefused:
		v.w.Cov.Refused++
		return errFault
	case faultLate:
		v.delay(name, data)
		return errFault
	default:
		return v.send(name, data, fault)
	}
}

// send applies a put, and loses or repeats it as fault says.
func (v *view) send(name string, data []byte, fault fault) error {
	v.p.inFlight = func() { // the process dies here, and its request may still arrive
		if v.w.luck.survives() {
			v.delay(name, data)
		}
	}
	v.p.yield()
	v.p.inFlight = nil
	created := v.apply(name, data)
	if fault == faultRepeated {
		v.w.Cov.Repeated++
		v.delay(name, data)
	}
	v.p.yield()
	if fault == faultLost {
		v.w.Cov.LostResponses++
		return errFault
	}
	v.claim(name, data)
	if !created {
		return fmt.Errorf("%s: %w", name, cutlog.ErrExists)
	}
	return nil
}

// claim is how the mutants decide who has won, instead of comparing the bytes that are there.
func (v *view) claim(name string, data []byte) {
	_, kind, ok := cutlog.ParseLogName(name)
	if !ok || kind != cutlog.RecordPlan {
		return
	}
	switch v.w.cfg.Mutant {
	case NoReadBack: // "exists" is taken for one's own earlier try
		v.claimed[name] = slices.Clone(data)
	case WinByWriter:
		there, err := cutlog.DecodePlan(v.objects[name])
		if err == nil && there.Writer.Instance == v.p.entry.Me.Instance {
			v.claimed[name] = slices.Clone(data)
		}
	}
}

// Get implements cutlog.Store.
func (v *view) Get(_ context.Context, name string) ([]byte, error) {
	v.p.yield()
	if v.w.luck.refuses(v.p) {
		v.w.Cov.Refused++
		return nil, errFault
	}
	if data, ok := v.claimed[name]; ok {
		return data, nil
	}
	data, ok := v.objects[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return data, nil
}

// List implements cutlog.Store. It may miss the newest objects.
func (v *view) List(_ context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		v.p.yield()
		names := slices.Sorted(maps.Keys(v.objects))
		stale := v.w.luck.stale()
		if stale {
			v.w.Cov.StaleLists++
		}
		for i, name := range names {
			if stale && i > len(names)/2 {
				return
			}
			if strings.HasPrefix(name, prefix) && name > after && !yield(name, nil) {
				return
			}
		}
	}
}
