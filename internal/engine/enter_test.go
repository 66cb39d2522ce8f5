package engine_test

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// objects is a store in memory.
type objects map[string][]byte

func (o objects) PutNew(_ context.Context, name string, data []byte) error {
	if _, ok := o[name]; ok {
		return cutlog.ErrExists
	}
	o[name] = slices.Clone(data)
	return nil
}

func (o objects) Get(_ context.Context, name string) ([]byte, error) {
	if data, ok := o[name]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

func (o objects) List(_ context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name := range o {
			if strings.HasPrefix(name, prefix) && name > after && !yield(name, nil) {
				return
			}
		}
	}
}

// stream is an Entry's Source, and its Observer that ignores everything.
type stream struct{ engine.StreamFacts }

func (s *stream) Facts(context.Context) (engine.StreamFacts, error) { return s.StreamFacts, nil }

func (s *stream) Look(context.Context, cutlog.Anchor) (engine.AnchorLook, error) {
	return engine.AnchorMissing, nil
}

func (s *stream) First(context.Context, engine.StreamFacts) (uint64, error) { return 0, nil }
func (s *stream) Prepare(context.Context) error                             { return nil }
func (s *stream) Awaiting(*cutlog.Plan)                                     {}
func (s *stream) Redoing(*cutlog.Plan)                                      {}
func (s *stream) Redone(cutlog.Head)                                        {}
func (s *stream) LookingAgain(engine.StreamFacts, *cutlog.Plan)             {}
func (s *stream) Diverged(_, _ *cutlog.Plan, _ string)                      {}

// noFile is a Redoer that finds no file and cannot make any.
type noFile struct{}

func (noFile) Find(context.Context, *cutlog.Plan, int) (cutlog.File, bool, error) {
	return cutlog.File{}, false, nil
}

func (noFile) Remake(context.Context, *cutlog.Plan, []int, func([]engine.Remade) error) error {
	return errors.New("nothing can be read")
}

func (noFile) Put(context.Context, *cutlog.Plan, int, engine.Content) (cutlog.File, error) {
	return cutlog.File{}, errors.New("nothing can be put")
}

func (noFile) Each(ctx context.Context, n int, f func(context.Context, int) error) error {
	for i := range n {
		if err := f(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// TestRedoRefusesAForeignStream starts against the server whose stream the log has left, while a cut of the newer
// stream is pending. Nothing of that cut may be recorded as lost.
func TestRedoRefusesAForeignStream(t *testing.T) {
	store, s := objects{}, &stream{facts(1, 100)}
	e := newEntry(t, store, s, "1", noFile{})
	enter := func() error {
		_, err := e.Enter(t.Context())
		return err
	}
	left := s.Created
	s.Created = left.Add(time.Hour) // recreated: a second incarnation
	if err := enter(); err != nil {
		t.Fatal(err)
	}
	p := oneMessage(e.Writer).Plan(e.Head, e.Facts(s.StreamFacts, cutlog.ReasonWindow))
	if won, err := e.Plan(t.Context(), p); err != nil || !won {
		t.Fatal(won, err)
	}
	s.Created = left
	if err := enter(); err == nil || !strings.Contains(err.Error(), "two servers seem to share this archive") {
		t.Errorf("error is %v", err)
	}
	for name := range store {
		if strings.Contains(name, ".lost") {
			t.Errorf("%s was put", name)
		}
	}
}

// TestOlderStream starts once against a wrong server, whose stream of that name is older. It must be refused before
// anything is written, so that the next start against the right server goes on.
func TestOlderStream(t *testing.T) {
	store, s := objects{}, &stream{facts(1, 100)}
	e := newEntry(t, store, s, "1", noFile{})
	right, before := s.Created, len(store)
	s.Created = right.Add(-time.Hour)
	_, err := e.Enter(t.Context())
	if !errors.Is(err, engine.ErrForeign) || len(store) != before {
		t.Errorf("error is %v, %d objects, want %d", err, len(store), before)
	}
	s.Created = right
	if _, err := e.Enter(t.Context()); err != nil {
		t.Errorf("the right server: %v", err)
	}
}

// TestRollbackOfALeftIncarnation: two writers have found the same rollback, and the other one was first to open an
// incarnation. What we have found says nothing about that one, least of all that its pending cut is lost.
func TestRollbackOfALeftIncarnation(t *testing.T) {
	store, s := objects{}, &stream{facts(1, 100)}
	ours, theirs := newEntry(t, store, s, "1", noFile{}), newEntry(t, store, s, "2", noFile{})
	for _, e := range []*engine.Entry{ours, theirs} {
		if _, err := e.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		e.RolledBack = true
	}
	if _, err := theirs.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	opened := theirs.Head.N
	p := oneMessage(theirs.Writer).Plan(theirs.Head, theirs.Facts(s.StreamFacts, cutlog.ReasonWindow))
	if won, err := theirs.Plan(t.Context(), p); err != nil || !won {
		t.Fatal(won, err)
	}
	if _, err := ours.Enter(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing can be read") {
		t.Errorf("error is %v, want that of a redo that reads", err)
	}
	if ours.RolledBack || ours.Head.Plan.Opened != opened {
		t.Errorf("rolled back %v, incarnation of plan %d, want that of plan %d",
			ours.RolledBack, ours.Head.Plan.Opened, opened)
	}
}

// TestACaptureWhoseFilesReadersPassOver does not begin. One that an earlier version has begun goes on.
func TestACaptureWhoseFilesReadersPassOver(t *testing.T) {
	store, s := objects{}, &stream{facts(1, 100)}
	e := entryOf("_none", store, s, "1", noFile{})
	if err := e.Birth(t.Context()); err == nil || !strings.Contains(err.Error(), "another name") || len(store) > 0 {
		t.Fatalf("error is %v, %d objects", err, len(store))
	}
	opening := engine.Opening{Stream: s.StreamFacts}
	first := engine.OpenPlan(cutlog.Head{}, opening, e.Facts(s.StreamFacts, cutlog.ReasonOpen))
	first.Format = &e.Format
	r, err := cutlog.EncodePlan("_none", first)
	if err != nil {
		t.Fatal(err)
	}
	if won, err := e.Log.Put(t.Context(), r); err != nil || !won {
		t.Fatal(won, err)
	}
	if err := e.Birth(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
}
