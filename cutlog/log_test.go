package cutlog_test

import (
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
)

var errStore = errors.New("store is down")

func TestPut(t *testing.T) {
	mine, other := encodePlan(t, firstPlan()), firstPlan()
	other.Writer.Boot = "b2"
	theirs := encodePlan(t, other)
	for name, c := range map[string]struct {
		there   []byte // what has the name before
		failPut func(string) (bool, error)
		failGet func(string) error
		won     bool
		err     error
	}{
		"accepted":                    {won: true},
		"ours already":                {there: mine.Data, won: true},
		"theirs":                      {there: theirs.Data},
		"cut off":                     {there: mine.Data[:len(mine.Data)-1]},
		"refused, not there":          {failPut: fails(false, errStore), err: errStore},
		"response lost":               {failPut: fails(true, errStore), won: true},
		"response lost, theirs":       {failPut: fails(true, errStore), there: theirs.Data},
		"says exists, but it is ours": {failPut: fails(true, cutlog.ErrExists), won: true},
		"says exists, nothing there":  {failPut: fails(false, cutlog.ErrExists), err: cutlog.ErrExists},
		"says exists, cannot be read": {
			failPut: fails(true, cutlog.ErrExists), failGet: func(string) error { return errStore }, err: errStore,
		},
		"accepted, cannot be read": {failGet: func(string) error { return errStore }, err: errStore},
		"neither put nor read": {
			failPut: fails(false, errStore), failGet: func(string) error { return errStore },
			err: errStore,
		},
		"accepted, but it is not there": {failGet: func(string) error { return fs.ErrNotExist }, err: errAny},
		"not there, and the put said so": {
			failPut: fails(false, errStore),
			failGet: func(string) error { return fs.ErrNotExist }, err: errStore,
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := newMemStore()
			store.failPut, store.failGet = c.failPut, c.failGet
			if c.there != nil {
				store.objects[mine.Name] = c.there
			}
			won, err := cutlog.New(store, capture).Put(t.Context(), mine)
			if won != c.won || (err == nil) != (c.err == nil) || !errors.Is(c.err, errAny) && !errors.Is(err, c.err) {
				t.Errorf("won %v, %v, want %v, %v", won, err, c.won, c.err)
			}
			if errors.Is(err, errStore) && errors.Is(err, cutlog.ErrExists) {
				t.Errorf("error %v says that a name is taken: a start would give up, and a later try may succeed", err)
			}
			if errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error %v says that something does not exist: the caller could take it for an answer", err)
			}
			if c.there != nil && !slices.Equal(store.objects[mine.Name], c.there) {
				t.Error("the object that was there has changed")
			}
		})
	}
}

var errAny = errors.New("any error")

func fails(applied bool, err error) func(string) (bool, error) {
	return func(string) (bool, error) { return applied, err }
}

// TestPutRetries puts the same record until it is decided, as the engine does.
func TestPutRetries(t *testing.T) {
	store := newMemStore()
	tries := 0
	store.failPut = func(string) (bool, error) {
		tries++
		return tries == 2, errStore // the second is applied, its response lost
	}
	log := cutlog.New(store, capture)
	r := encodePlan(t, firstPlan())
	for range 3 {
		if won, err := log.Put(t.Context(), r); err == nil {
			if !won || tries != 2 {
				t.Errorf("won %v after %d tries, want a win after 2", won, tries)
			}
			return
		}
	}
	t.Error("not decided after 3 tries")
}

func TestHead(t *testing.T) {
	for n := range uint64(6) {
		_, log := sampleLog(t, n)
		h := head(t, log)
		if h.N != n || (h.Plan != nil) != (n > 0) {
			t.Fatalf("head of %d cuts is %d, plan %v", n, h.N, h.Plan)
		}
		if n == 0 {
			continue
		}
		if h.Plan.N != n || h.Done == nil || h.DoneSum == "" || h.PlanSum != h.Done.Plan || h.Lost != nil {
			t.Errorf("head of %d cuts: %+v", n, h)
		}
		put(t, log, encodePlan(t, planAfter(h)))
		if open := head(t, log); open.N != n+1 || open.Done != nil || open.DoneSum != "" {
			t.Errorf("head of %d cuts and a plan is %d, done %v", n, open.N, open.Done)
		}
	}
}

// TestHeadWithBadLists shows that a list is only a hint.
func TestHeadWithBadLists(t *testing.T) {
	store, log := sampleLog(t, 5)
	for name, list := range map[string]func([]string) ([]string, error){
		"empty":     func([]string) ([]string, error) { return nil, nil },
		"late":      func(names []string) ([]string, error) { return names[:3], nil },
		"backwards": func(names []string) ([]string, error) { slices.Reverse(names); return names, nil },
		"with strangers": func(names []string) ([]string, error) {
			return append(names, cutlog.LogPrefix(capture)+"99999999999999999999.plan.json.gz", cutlog.LogPrefix(capture)+"x"),
				nil
		},
		"middle": func(names []string) ([]string, error) { return names[4:5], nil },
	} {
		store.list = list
		if h := head(t, log); h.N != 5 || h.Done == nil {
			t.Errorf("%s list: head is %d", name, h.N)
		}
	}
	store.list = func(names []string) ([]string, error) { return names[:2], errStore }
	if _, err := log.Head(t.Context()); !errors.Is(err, errStore) {
		t.Errorf("a list that fails gave %v, want its error", err)
	}
	store.list = nil
	store.failGet = func(name string) error {
		if strings.HasSuffix(name, ".done.json") {
			return errStore
		}
		return nil
	}
	if _, err := log.Head(t.Context()); !errors.Is(err, errStore) {
		t.Errorf("a get that fails gave %v, want its error", err)
	}
}

func TestHeadRefuses(t *testing.T) {
	const last = 4
	remove := func(name string) func(*testing.T, *memStore) {
		return func(_ *testing.T, s *memStore) { delete(s.objects, name) }
	}
	for _, c := range []struct {
		name          string
		change        func(*testing.T, *memStore)
		object, found string
	}{
		{"last plan removed", remove(cutlog.PlanName(capture, last)), cutlog.PlanName(capture, last), "nothing"},
		{"plan before removed", remove(cutlog.PlanName(capture, last-1)), cutlog.PlanName(capture, last-1), "nothing"},
		{"done before removed", remove(cutlog.DoneName(capture, last-1)), cutlog.DoneName(capture, last-1), "nothing"},
		{"plan edited", func(t *testing.T, s *memStore) {
			name := cutlog.PlanName(capture, last)
			s.objects[name] = pack(t, []byte(strings.Replace(string(unpack(t, s.objects[name])), "window", "Window", 1)))
		}, cutlog.PlanName(capture, last), "damage"},
		{"plan cut off", func(_ *testing.T, s *memStore) {
			name := cutlog.PlanName(capture, last)
			s.objects[name] = s.objects[name][:100]
		}, cutlog.PlanName(capture, last), "damage"},
		{"done edited", func(_ *testing.T, s *memStore) {
			name := cutlog.DoneName(capture, last)
			s.objects[name] = []byte(strings.Replace(string(s.objects[name]), `"size":100`, `"size":101`, 1))
		}, cutlog.DoneName(capture, last), "damage"},
		{"done of another plan", func(_ *testing.T, s *memStore) {
			s.objects[cutlog.DoneName(capture, last)] = s.objects[cutlog.DoneName(capture, last-1)]
		}, cutlog.DoneName(capture, last), "belongs to plan 3"},
		{"plan under another number", func(_ *testing.T, s *memStore) {
			s.objects[cutlog.PlanName(capture, last+1)] = s.objects[cutlog.PlanName(capture, last)]
		}, cutlog.PlanName(capture, last+1), "plan 4"},
		{"done replaced", func(t *testing.T, s *memStore) {
			h, err := cutlog.New(s, capture).At(t.Context(), last-1)
			if err != nil {
				t.Fatal(err)
			}
			h.Done.Files[0].Size++
			s.objects[cutlog.DoneName(capture, last-1)] = encodeDone(t, h.Done).Data
		}, cutlog.PlanName(capture, last), "SHA-256"},
		{"plan of another capture", func(t *testing.T, s *memStore) {
			p := planAfter(head(t, cutlog.New(s, capture)))
			for i := range p.Blocks {
				p.Blocks[i].Name = strings.Replace(p.Blocks[i].Name, capture, "OTHER", 1)
				p.Blocks[i].Dir = strings.Replace(p.Blocks[i].Dir, capture, "OTHER", 1)
			}
			r, err := cutlog.EncodePlan("OTHER", p)
			if err != nil {
				t.Fatal(err)
			}
			s.objects[cutlog.PlanName(capture, last+1)] = r.Data
		}, cutlog.PlanName(capture, last+1), `capture "OTHER"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, log := sampleLog(t, last)
			c.change(t, store)
			_, err := log.Head(t.Context())
			wantCorrupt(t, err, c.object, c.found)
		})
	}
}

// TestNewestDoneRemoved reads as a cut that is still to be finished.
func TestNewestDoneRemoved(t *testing.T) {
	store, log := sampleLog(t, 3)
	delete(store.objects, cutlog.DoneName(capture, 3))
	if h := head(t, log); h.N != 3 || h.Done != nil {
		t.Errorf("head is %d, done %v, want 3 without done", h.N, h.Done)
	}
}

func TestCheckChain(t *testing.T) {
	_, log := sampleLog(t, 2)
	h := head(t, log)
	open := h
	open.Done = nil
	if err := cutlog.CheckChain(open, planAfter(h)); err == nil || !strings.Contains(err.Error(), "not done") {
		t.Errorf("plan after a cut that is not done: %v", err)
	}
	reopened := planAfter(h)
	reopened.Opens, reopened.Opened, reopened.From, reopened.Stream.Created = true, h.N+1, 0, created.Add(1)
	reopened.Incarnation = cutlog.IncarnationID(capture, "ORDERS", created.Add(1), h.N+1)
	if err := cutlog.CheckChain(h, reopened); err != nil {
		t.Errorf("plan that opens an incarnation below the last: %v", err)
	}
	for want, change := range map[string]func(*cutlog.Plan){
		"expected 3":               func(p *cutlog.Plan) { p.N = 4 },
		"follows a done":           func(p *cutlog.Plan) { p.Prev = cutlog.Sum(nil) },
		"plan 2 ended at 30":       func(p *cutlog.Plan) { p.From++ },
		"of incarnation 01234567":  func(p *cutlog.Plan) { p.Incarnation = "01234567" },
		"07:08:09.12345679 ":       func(p *cutlog.Plan) { p.Stream.Created = created.Add(1) },
		"plan 3 is of incarnation": func(p *cutlog.Plan) { p.Opened = 2 },
		`of stream "OTHER"`:        func(p *cutlog.Plan) { p.Stream.Name = "OTHER" },
	} {
		p := planAfter(h)
		if err := cutlog.CheckChain(h, p); err != nil {
			t.Fatal(err)
		}
		change(p)
		if err := cutlog.CheckChain(h, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CheckChain gave %v, want %q", err, want)
		}
	}
	if err := cutlog.CheckChain(cutlog.Head{}, firstPlan()); err != nil {
		t.Errorf("plan 1 after nothing: %v", err)
	}
	first := firstPlan()
	first.Opens = false
	if err := cutlog.CheckChain(cutlog.Head{}, first); err == nil {
		t.Error("plan 1 that opens nothing was taken")
	}
}

// TestNextWalks walks a log from its beginning and then notices each record as it comes.
func TestNextWalks(t *testing.T) {
	_, log := sampleLog(t, 3)
	h := cutlog.Head{}
	for n := uint64(1); n <= 3; n++ {
		h = next(t, log, h, true)
		if h.N != n || h.Done == nil {
			t.Fatalf("cut %d, done %v, want %d", h.N, h.Done, n)
		}
	}
	next(t, log, h, false)
	put(t, log, encodePlan(t, planAfter(h)))
	if h = next(t, log, h, true); h.N != 4 || h.Done != nil {
		t.Fatalf("cut %d, done %v, want the new plan", h.N, h.Done)
	}
	if same := next(t, log, h, false); same.N != 4 {
		t.Errorf("nothing new gave cut %d", same.N)
	}
	put(t, log, encodeLost(t, lostOf(h)))
	if h = next(t, log, h, true); h.N != 4 || h.Lost == nil || h.LostSum == "" || h.Done != nil {
		t.Fatalf("cut %d, lost %v, done %v, want the lost record", h.N, h.Lost, h.Done)
	}
	next(t, log, h, false)
	put(t, log, encodeDone(t, doneOf(h)))
	if h = next(t, log, h, true); h.N != 4 || h.Lost == nil || h.Done == nil || h.Done.Lost != h.LostSum {
		t.Fatalf("cut %d, lost %v, done %v, want the done record", h.N, h.Lost, h.Done)
	}
	if again := head(t, log); !reflect.DeepEqual(again, h) {
		t.Errorf("Head is %+v, the walk ended at %+v", again, h)
	}
}

// TestNextAfterTwoRecords sees done and the next plan come between its looks.
func TestNextAfterTwoRecords(t *testing.T) {
	store, log := sampleLog(t, 3)
	open, err := log.At(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	open.Done, open.DoneSum = nil, ""
	hidden := true
	store.failGet = func(name string) error {
		if name == cutlog.PlanName(capture, 3) {
			hidden = false // what comes first is seen first from now on
		}
		if hidden && name == cutlog.DoneName(capture, 2) {
			return fs.ErrNotExist
		}
		return nil
	}
	if h := next(t, log, open, true); h.N != 2 || h.Done == nil {
		t.Errorf("cut %d, done %v, want done 2", h.N, h.Done)
	}
	store.failGet = nil
	delete(store.objects, cutlog.DoneName(capture, 2))
	_, _, err = log.Next(t.Context(), open)
	wantCorrupt(t, err, cutlog.DoneName(capture, 2), "nothing")
}

// TestLostThatDoneDoesNotName is what a paused writer leaves when it wakes between a redo's lost record and its done
// record.
func TestLostThatDoneDoesNotName(t *testing.T) {
	_, log := sampleLog(t, 1)
	put(t, log, encodePlan(t, planAfter(head(t, log))))
	h := head(t, log)
	put(t, log, encodeDone(t, doneOf(h)))
	put(t, log, encodeLost(t, lostOf(h)))
	if h := head(t, log); h.Done == nil || h.Lost != nil || h.LostSum != "" {
		t.Errorf("head has lost %v, want none: the files are whole", h.Lost)
	}
}

func TestAt(t *testing.T) {
	_, log := sampleLog(t, 2)
	if h, err := log.At(t.Context(), 2); err != nil || h.N != 2 || h.Done == nil {
		t.Errorf("At(2) is cut %d, %v", h.N, err)
	}
	if _, err := log.At(t.Context(), 3); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("At(3) gave %v, want fs.ErrNotExist", err)
	}
}

func next(t *testing.T, log *cutlog.Log, after cutlog.Head, wantOK bool) cutlog.Head {
	t.Helper()
	h, ok, err := log.Next(t.Context(), after)
	if err != nil || ok != wantOK {
		t.Fatalf("Next after %d: ok %v, %v, want ok %v", after.N, ok, err, wantOK)
	}
	return h
}

func wantFound(t *testing.T, name string, err error, found string) {
	t.Helper()
	var corrupt *cutlog.CorruptError
	if !errors.As(err, &corrupt) || !strings.Contains(corrupt.Found, found) {
		t.Errorf("%s: error is %v, want a CorruptError, found %q", name, err, found)
	}
}

// TestLostGrows: a redo that was interrupted after its lost record, and later finds more lost, puts the next one.
func TestLostGrows(t *testing.T) {
	s, log := sampleLog(t, 2)
	delete(s.objects, cutlog.DoneName(capture, 2))
	h := head(t, log)
	first := lostOf(h)
	more := lostOf(h)
	more.K = 2
	more.Blocks[0].Seqs = h.Plan.Blocks[more.Blocks[0].Block].Seqs
	for _, l := range []*cutlog.Lost{first, more} {
		r := encodeLost(t, l)
		s.objects[r.Name] = r.Data
	}
	if h = head(t, log); h.Lost == nil || h.Lost.K != 2 || !h.Lost.Blocks[0].Seqs.Equal(more.Blocks[0].Seqs) {
		t.Fatalf("newest lost record is %+v, want the second", h.Lost)
	}
	less := lostOf(h)
	less.K, less.Blocks = 3, less.Blocks[1:]
	r := encodeLost(t, less)
	s.objects[r.Name] = r.Data
	var corrupt *cutlog.CorruptError
	if _, err := log.Head(t.Context()); !errors.As(err, &corrupt) || corrupt.Object != r.Name {
		t.Fatalf("a lost record that forgets what the one before said gives %v", err)
	}
}
