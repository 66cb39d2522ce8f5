package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// newEntry returns a writer of the capture C that stores its files by r, and has entered the log in store.
func newEntry(t *testing.T, store objects, s *stream, boot string, r engine.Redoer) *engine.Entry {
	t.Helper()
	e := entryOf("C", store, s, boot, r)
	if err := e.Birth(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// entryOf returns a writer of a capture that has not looked at the log yet.
func entryOf(capture string, store objects, s *stream, boot string, r engine.Redoer) *engine.Entry {
	w := &engine.Writer{
		Capture: capture, Log: cutlog.New(store, capture), Me: cutlog.Writer{Instance: "one", Boot: boot},
		Retry: func(ctx context.Context, _ string, f func(context.Context) error) error { return f(ctx) },
	}
	return &engine.Entry{
		Writer: w, Source: s, Redoer: r, Observer: s,
		Format: cutlog.Format{Version: cutlog.Version, Capture: capture, Stream: "S"},
		Facts: func(_ engine.StreamFacts, reason cutlog.Reason) engine.Facts {
			return engine.Facts{Capture: capture, Writer: w.Me, Reason: reason, Time: began}
		},
		Wait: func(context.Context, time.Duration) error { return nil },
	}
}

// oneMessage is a cut after the head of w that holds the next message.
func oneMessage(w *engine.Writer) *engine.Cut {
	seq := w.Head.Plan.To + 1
	c := engine.NewCut(w.Head.Plan.To, w.Head.Plan.Anchor)
	b := &engine.Block{Kind: cutlog.KindData, Dir: "k", Suffix: "rows", Window: began.UnixNano()}
	c.Open(b)
	c.Add(b, seq, 1)
	c.Last = cutlog.Anchor{Seq: seq, Time: began, Subject: "s", Hash: cutlog.HashMessage("s", nil, nil)}
	c.Through = seq
	return c
}

// delivery is a commit that writes down what is asked of it. It stores files, too.
type delivery struct {
	noFile
	steps []string
	owes  bool
	err   error  // of Ack
	onPut func() // another writer's turn
}

func (d *delivery) Content(*engine.Block) engine.Content { return nil }

func (d *delivery) Put(context.Context, *cutlog.Plan, int, engine.Content) (cutlog.File, error) {
	d.steps = append(d.steps, "put")
	if d.onPut != nil {
		d.onPut()
	}
	return cutlog.File{Size: 1, SHA256: cutlog.Sum(nil)}, nil
}

func (d *delivery) OwesAcks(context.Context) bool { return d.owes }

func (d *delivery) Ack(context.Context, uint64) error {
	d.steps = append(d.steps, "ack")
	return d.err
}

func (d *delivery) commit(t *testing.T, e *engine.Entry) engine.Committed {
	t.Helper()
	e.Crash = func(point string) { d.steps = append(d.steps, point) }
	checked := engine.Checked{Reason: cutlog.ReasonWindow, Stream: facts(1, 100)}
	done, err := e.Commit(t.Context(), oneMessage(e.Writer), checked, d)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestCommit(t *testing.T) {
	refused := errors.New("no answer")
	stored := []string{engine.BeforePlan, engine.AfterPlan, "put", engine.AfterFile, engine.AfterFiles, engine.AfterDone}
	acked := append(slices.Clone(stored), "ack", engine.AfterAck)
	for _, tt := range []struct {
		name    string
		d       delivery
		want    []string
		unacked error
		rolled  bool // the stream is rolled back while the file is stored
	}{
		{"nothing to acknowledge", delivery{}, stored, nil, false},
		{"acks", delivery{owes: true}, acked, nil, false},
		{"unconfirmed acks", delivery{owes: true, err: refused}, acked, refused, false},
		{"another stream by then", delivery{owes: true}, append(slices.Clone(stored), engine.AfterAck), nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &stream{facts(1, 100)}
			if tt.rolled {
				tt.d.onPut = func() { s.LastSeq = 0 }
			}
			e := newEntry(t, objects{}, s, "1", &tt.d)
			done := tt.d.commit(t, e)
			if done.Outcome != engine.Won || done.Cut.Done == nil || done.Cut.N != 2 || !errors.Is(done.Unacked, tt.unacked) {
				t.Errorf("got %+v", done)
			}
			if !slices.Equal(tt.d.steps, tt.want) {
				t.Errorf("steps are\n%v, want\n%v", tt.d.steps, tt.want)
			}
		})
	}
}

func TestCommitBeaten(t *testing.T) {
	store, s := objects{}, &stream{facts(1, 100)}
	var first, second delivery
	one, two := newEntry(t, store, s, "1", &first), newEntry(t, store, s, "2", &second)
	if done := first.commit(t, one); done.Outcome != engine.Won {
		t.Fatalf("the first writer got %+v", done)
	}
	done := second.commit(t, two)
	if done.Outcome != engine.Beaten || done.Cut.Plan != nil || !slices.Equal(second.steps, []string{engine.BeforePlan}) {
		t.Errorf("got %+v after %v", done, second.steps)
	}
}

// TestCommitOvertaken has a second writer finish a cut and go on while the first one stores its file.
func TestCommitOvertaken(t *testing.T) {
	store, s := objects{}, &stream{facts(1, 100)}
	second := &found{}
	first := &delivery{owes: true, onPut: func() { second.commit(t, newEntry(t, store, s, "2", second)) }}
	done := first.commit(t, newEntry(t, store, s, "1", first))
	if done.Outcome != engine.Overtaken || slices.Contains(first.steps, "ack") {
		t.Errorf("got %+v after %v", done, first.steps)
	}
}

// found is a delivery that finds each file of a redo.
type found struct{ delivery }

func (*found) Find(context.Context, *cutlog.Plan, int) (cutlog.File, bool, error) {
	return cutlog.File{Size: 1, SHA256: cutlog.Sum(nil)}, true, nil
}

func TestCheckFound(t *testing.T) {
	e := newEntry(t, objects{}, &stream{facts(1, 100)}, "1", noFile{})
	c := oneMessage(e.Writer)
	c.Add(c.Blocks[0], 3, 1)
	c.Through, c.Last.Seq = 3, 3
	p := c.Plan(e.Head, e.Facts(facts(1, 100), cutlog.ReasonWindow))
	if won, err := e.Plan(t.Context(), p); err != nil || !won {
		t.Fatal(won, err)
	}
	check := func(rows int64, damage error, good bool) {
		t.Helper()
		err := e.CheckFound(t.Context(), 0, rows, damage)
		var corrupt *cutlog.CorruptError
		if good && err != nil || !good && !errors.As(err, &corrupt) {
			t.Errorf("%d rows: %v", rows, err)
		}
	}
	check(2, nil, true)
	check(-1, nil, true) // a format whose rows cannot be counted
	check(1, nil, false)
	check(3, nil, false)
	check(2, errors.New("truncated"), false)

	lost := &cutlog.Lost{Version: cutlog.Version, N: p.N, K: 1, Plan: e.Head.PlanSum, Writer: e.Me}
	lost.Blocks = []cutlog.LostBlock{{Block: 0, Seqs: cutlog.NewSeqSet(3)}}
	rec, err := cutlog.EncodeLost("C", lost)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Log.Put(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	check(2, nil, true) // stored by a writer that had read both
	check(1, nil, true)
	check(0, nil, false)
}
