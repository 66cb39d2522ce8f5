package cutlog_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

const capture = "ORDERS"

var created = time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC)

func sampleFormat() cutlog.Format {
	return cutlog.Format{
		Version: cutlog.Version, Capture: capture, Stream: "ORDERS", Account: "$G", Filter: []string{"orders.>"},
	}
}

// firstPlan opens the sample log at sequence 10.
func firstPlan() *cutlog.Plan {
	format := sampleFormat()
	return &cutlog.Plan{
		Version: cutlog.Version, N: 1, Writer: cutlog.Writer{Instance: "host-0", Boot: "b1"}, Reason: cutlog.ReasonOpen,
		Time:   created.Add(time.Hour),
		Stream: cutlog.Stream{Name: "ORDERS", Created: created}, Opens: true, Opened: 1,
		Incarnation: cutlog.IncarnationID(capture, "ORDERS", created, 1),
		From:        10, To: 10, Format: &format,
	}
}

// planAfter makes a plan that covers the next 20 sequences after a cut: two data blocks, a dead one, something skipped,
// lost and absent.
func planAfter(h cutlog.Head) *cutlog.Plan {
	from := h.Plan.To
	at := func(offsets ...uint64) cutlog.SeqSet {
		var s cutlog.SeqSet
		for _, o := range offsets {
			s.Add(from + o)
		}
		return s
	}
	inc := h.Plan.Incarnation
	return &cutlog.Plan{
		Version: cutlog.Version, N: h.N + 1, Prev: h.DoneSum, Writer: cutlog.Writer{Instance: "host-0", Boot: "b1"},
		Reason: cutlog.ReasonWindow,
		Time:   created.Add(2 * time.Hour), Stream: h.Plan.Stream, Incarnation: inc, Opened: h.Plan.Opened, From: from,
		To: from + 20,
		Anchor: cutlog.Anchor{
			Seq: from + 20, Time: created.Add(90 * time.Minute), Subject: "orders.\xff",
			Hash: cutlog.HashMessage("orders.\xff", nil, []byte("x")),
		},
		Notes:    []string{"anchor not found"},
		Settings: map[string]string{"format": "ndjson", "compression": "gzip"},
		Blocks: []cutlog.Block{
			block(cutlog.KindData, inc, "a/2024/05/06/07/00", "ndjson.gz", at(3, 4, 5, 9, 11, 12), "a"),
			block(cutlog.KindData, inc, "b/%FF/2024/05/06/07/00", "ndjson.gz", at(6, 10), "b", "\xff"),
			block(cutlog.KindDead, inc, "_deadletter/ORDERS/2024/05/06/07/00", "ndjson.gz", at(20)),
		},
		Skipped: at(7, 8),
		Lost:    []cutlog.LostRange{{Reason: cutlog.LostExpired, Seqs: at(1, 2)}},
		Absent:  7,
	}
}

// planRestored is planAfter in an incarnation that it opens, with all that was added to version 1 on 2026-11-28.
func planRestored() *cutlog.Plan {
	p := samplePlan()
	p.N, p.Opens, p.Opened, p.Cause = 3, true, 3, cutlog.CauseRestored
	p.Past = []time.Time{created}
	p.Stream.Created = created.Add(3 * time.Hour)
	p.Incarnation = cutlog.IncarnationID(capture, "ORDERS", p.Stream.Created, 3)
	for _, seq := range []uint64{14, 20} {
		a := p.Anchor
		a.Seq = seq
		p.Anchors = append(p.Anchors, a)
	}
	for _, b := range p.Blocks {
		p.Absent += uint64(b.Messages)
	}
	p.Blocks = nil
	p.AbsentBy = map[cutlog.AbsentReason]uint64{cutlog.AbsentFiltered: p.Absent - 3, cutlog.AbsentUnknown: 3}
	return p
}

func block(kind cutlog.Kind, incarnation, dir, suffix string, seqs cutlog.SeqSet, key ...cutlog.Text) cutlog.Block {
	return cutlog.Block{
		Kind: kind, Key: key, Dir: dir, Name: cutlog.BlockName(capture, incarnation, seqs.First(), seqs.Last(), suffix),
		Window: created.Truncate(time.Hour), Messages: int64(seqs.Count()), Rows: int64(seqs.Count()), Seqs: seqs,
	}
}

// doneOf makes the done record of a cut.
func doneOf(h cutlog.Head) *cutlog.Done {
	d := &cutlog.Done{Version: cutlog.Version, N: h.N, Plan: h.PlanSum, Lost: h.LostSum}
	for i := range h.Plan.Blocks {
		d.Files = append(d.Files, cutlog.File{Size: int64(100 + i), SHA256: cutlog.Sum([]byte{byte(i)})})
	}
	return d
}

// lostOf makes a lost record: all of the last block, one sequence of the one before.
func lostOf(h cutlog.Head) *cutlog.Lost {
	last := len(h.Plan.Blocks) - 1
	return &cutlog.Lost{
		Version: cutlog.Version, N: h.N, K: 1, Plan: h.PlanSum, Writer: cutlog.Writer{Instance: "host-1", Boot: "b2"},
		Blocks: []cutlog.LostBlock{
			{Block: last - 1, Seqs: cutlog.NewSeqSet(h.Plan.Blocks[last-1].Seqs.First())},
			{Block: last, Seqs: h.Plan.Blocks[last].Seqs},
		},
	}
}

// memStore is a store in memory. The fields that are functions inject faults: they run before a call (nil: no fault).
type memStore struct {
	objects map[string][]byte
	puts    int
	// failPut returns the error of a put; applied says whether the put was carried out all the same.
	failPut func(name string) (applied bool, err error)
	failGet func(name string) error
	// list replaces the names that a list shows.
	list      func(names []string) ([]string, error)
	overwrite bool // no create-only writes
}

func newMemStore() *memStore { return &memStore{objects: make(map[string][]byte)} }

func (s *memStore) PutNew(_ context.Context, name string, data []byte) error {
	s.puts++
	if s.failPut != nil {
		if applied, err := s.failPut(name); err != nil {
			if applied {
				_ = s.put(name, data) // the response is lost, be it what it may
			}
			return err
		}
	}
	return s.put(name, data)
}

func (s *memStore) put(name string, data []byte) error {
	if _, taken := s.objects[name]; taken && !s.overwrite {
		return fmt.Errorf("put %s: %w", name, cutlog.ErrExists)
	}
	s.objects[name] = slices.Clone(data)
	return nil
}

func (s *memStore) Get(_ context.Context, name string) ([]byte, error) {
	if s.failGet != nil {
		if err := s.failGet(name); err != nil {
			return nil, err
		}
	}
	data, ok := s.objects[name]
	if !ok {
		return nil, fmt.Errorf("get %s: %w", name, fs.ErrNotExist)
	}
	return slices.Clone(data), nil
}

func (s *memStore) List(_ context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(s.objects)), func(name string) bool {
			return !strings.HasPrefix(name, prefix) || name <= after
		})
		var err error
		if s.list != nil {
			names, err = s.list(names)
		}
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
		if err != nil {
			yield("", err)
		}
	}
}

// sampleLog makes a log of n whole cuts.
func sampleLog(t testing.TB, n uint64) (*memStore, *cutlog.Log) {
	t.Helper()
	store := newMemStore()
	log := cutlog.New(store, capture)
	if n == 0 {
		return store, log
	}
	put(t, log, encodePlan(t, firstPlan()))
	if err := log.PutFormat(t.Context(), sampleFormat()); err != nil {
		t.Fatal(err)
	}
	h := head(t, log)
	for {
		put(t, log, encodeDone(t, doneOf(h)))
		h = head(t, log)
		if h.N == n {
			return store, log
		}
		put(t, log, encodePlan(t, planAfter(h)))
		h = head(t, log)
	}
}

func put(t testing.TB, log *cutlog.Log, r cutlog.Record) {
	t.Helper()
	if won, err := log.Put(t.Context(), r); !won || err != nil {
		t.Fatalf("Put %s: won %v, %v", r.Name, won, err)
	}
}

func head(t testing.TB, log *cutlog.Log) cutlog.Head {
	t.Helper()
	h, err := log.Head(t.Context())
	if err != nil {
		t.Fatalf("Head: %v", err)
	}
	return h
}

func encodePlan(t testing.TB, p *cutlog.Plan) cutlog.Record {
	t.Helper()
	r, err := cutlog.EncodePlan(capture, p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func encodeDone(t testing.TB, d *cutlog.Done) cutlog.Record {
	t.Helper()
	r, err := cutlog.EncodeDone(capture, d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func encodeLost(t testing.TB, l *cutlog.Lost) cutlog.Record {
	t.Helper()
	r, err := cutlog.EncodeLost(capture, l)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantCorrupt checks that an error is a *CorruptError that names an object, says what was found, and what to do.
func wantCorrupt(t *testing.T, err error, object, found string) {
	t.Helper()
	var corrupt *cutlog.CorruptError
	if !errors.As(err, &corrupt) || corrupt.Object != object || !strings.Contains(corrupt.Found, found) ||
		corrupt.Expected == "" || corrupt.Advice == "" {
		t.Errorf("error is %v, want a CorruptError of %q, found %q, with advice", err, object, found)
	}
}
