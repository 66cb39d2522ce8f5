package cutlog_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
)

// TestBirth crashes after each put of a log's birth and asks what the next start finds.
func TestBirth(t *testing.T) {
	store := newMemStore()
	log := cutlog.New(store, capture)
	wantStage(t, log, cutlog.StageFresh)
	if _, err := log.ReadFormat(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("format of nothing: %v, want fs.ErrNotExist", err)
	}
	if err := log.PutFormat(t.Context(), sampleFormat()); err == nil || store.puts != 0 {
		t.Errorf("format before plan 1: %v after %d puts, want an error and none", err, store.puts)
	}

	put(t, log, encodePlan(t, firstPlan()))
	wantStage(t, log, cutlog.StageBorn)
	if err := log.PutFormat(t.Context(), sampleFormat()); err != nil {
		t.Fatal(err)
	}
	wantStage(t, log, cutlog.StageBorn)
	if err := log.Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}

	h := head(t, log)
	if h.N != 1 || h.Done != nil {
		t.Fatalf("head is %d, done %v, want plan 1 alone", h.N, h.Done)
	}
	put(t, log, encodeDone(t, doneOf(h)))
	wantStage(t, log, cutlog.StageAlive)
	put(t, log, encodePlan(t, planAfter(head(t, log))))
	wantStage(t, log, cutlog.StageAlive)
	if err := log.PutFormat(t.Context(), sampleFormat()); err != nil {
		t.Errorf("the same format again: %v", err)
	}
}

func TestBirthRefuses(t *testing.T) {
	plan1, done1, format := cutlog.PlanName(capture, 1), cutlog.DoneName(capture, 1), cutlog.FormatName(capture)
	for _, c := range []struct {
		name   string
		remove []string
		object string
	}{
		{"log deleted", []string{plan1, done1, cutlog.PlanName(capture, 2), cutlog.DoneName(capture, 2)}, plan1},
		{"first plan expired", []string{plan1}, plan1},
		{"format and first plan expired", []string{plan1, format}, plan1},
		{"format deleted", []string{format}, format},
		{
			"format deleted, done 1 alone is left",
			[]string{format, cutlog.PlanName(capture, 2), cutlog.DoneName(capture, 2)},
			format,
		},
		{"format and done 1 deleted", []string{format, done1}, format},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, log := sampleLog(t, 2)
			for _, name := range c.remove {
				delete(store.objects, name)
			}
			_, err := log.Birth(t.Context())
			wantCorrupt(t, err, c.object, "nothing")
		})
	}
	t.Run("format disagrees with plan 1", func(t *testing.T) {
		store, log := sampleLog(t, 1)
		other := sampleFormat()
		other.Filter = nil
		r, err := cutlog.EncodeFormat(other)
		if err != nil {
			t.Fatal(err)
		}
		store.objects[format] = r.Data
		_, err = log.Birth(t.Context())
		wantCorrupt(t, err, format, "Filter:[]")
	})
	t.Run("format of another capture", func(t *testing.T) {
		store, log := sampleLog(t, 1)
		other := sampleFormat()
		other.Capture = "OTHER"
		r, err := cutlog.EncodeFormat(other)
		if err != nil {
			t.Fatal(err)
		}
		store.objects[format] = r.Data
		_, err = log.Birth(t.Context())
		wantCorrupt(t, err, format, "OTHER")
	})
}

// TestBirthWithALateList finds done 1 although the list does not show it.
func TestBirthWithALateList(t *testing.T) {
	store, log := sampleLog(t, 1)
	store.list = func([]string) ([]string, error) { return nil, nil }
	wantStage(t, log, cutlog.StageAlive)
}

// TestBirthBesideAnother runs a whole birth by another writer before each read of Birth. Nothing sound may look
// damaged.
func TestBirthBesideAnother(t *testing.T) {
	whole, _ := sampleLog(t, 2)
	for read := range 5 {
		store := newMemStore()
		reads := 0
		step := func() {
			if reads == read {
				store.objects = whole.objects
			}
			reads++
		}
		store.list = func(names []string) ([]string, error) { step(); return names, nil }
		store.failGet = func(string) error { step(); return nil }
		b, err := cutlog.New(store, capture).Birth(t.Context())
		if err != nil {
			t.Errorf("another writer before read %d: %+v, %v", read, b, err)
		}
	}
}

func TestBirthReturnsErrors(t *testing.T) {
	store, log := sampleLog(t, 1)
	store.list = func([]string) ([]string, error) { return nil, nil }
	for _, bad := range []string{cutlog.DoneName(capture, 1), cutlog.FormatName(capture), cutlog.PlanName(capture, 1)} {
		store.failGet = func(name string) error {
			if name == bad {
				return errStore
			}
			return nil
		}
		if _, err := log.Birth(t.Context()); !errors.Is(err, errStore) {
			t.Errorf("%s cannot be read: %v, want its error", bad, err)
		}
	}
	store.list = func([]string) ([]string, error) { return nil, errStore }
	if _, err := log.Birth(t.Context()); !errors.Is(err, errStore) {
		t.Errorf("cannot list: %v, want its error", err)
	}
}

func TestPutFormatRefuses(t *testing.T) {
	for want, change := range map[string]func(*cutlog.Format){
		`stream "ORDERS"`:           func(f *cutlog.Format) { f.Stream = "OTHER" },
		`account "$G"`:              func(f *cutlog.Format) { f.Account = "A" },
		`domain ""`:                 func(f *cutlog.Format) { f.Domain = "hub" },
		`subject filter "orders.>"`: func(f *cutlog.Format) { f.Filter = []string{"a", "b"} },
		`capture "ORDERS"`:          func(f *cutlog.Format) { f.Capture = "x" },
	} {
		for _, withFormat := range []bool{true, false} {
			store, log := sampleLog(t, 1)
			object := cutlog.FormatName(capture)
			if !withFormat {
				delete(store.objects, object)
				object = cutlog.PlanName(capture, 1)
			}
			f := sampleFormat()
			change(&f)
			err := log.PutFormat(t.Context(), f)
			var mismatch *cutlog.MismatchError
			if !errors.As(err, &mismatch) || mismatch.Object != object || mismatch.Found != want ||
				!strings.Contains(err.Error(), "another name") {
				t.Errorf("PutFormat gave %v, want a MismatchError of %s that found %s", err, object, want)
			}
		}
	}
}

func TestPutFormatWithoutAccount(t *testing.T) {
	_, log := sampleLog(t, 1)
	f := sampleFormat()
	f.Account = ""
	if err := log.PutFormat(t.Context(), f); err != nil {
		t.Errorf("an account that is not known: %v", err)
	}
}

func TestPutFormatIsUndecidedOrOurs(t *testing.T) {
	store := newMemStore()
	log := cutlog.New(store, capture)
	put(t, log, encodePlan(t, firstPlan()))
	store.failPut = fails(false, errStore)
	if err := log.PutFormat(t.Context(), sampleFormat()); !errors.Is(err, errStore) {
		t.Errorf("a put that fails: %v, want its error", err)
	}
	store.failPut = fails(true, errStore)
	if err := log.PutFormat(t.Context(), sampleFormat()); err != nil {
		t.Errorf("a put whose response is lost: %v", err)
	}
	store.failPut = nil
	if f, err := log.ReadFormat(t.Context()); err != nil || f.Stream != "ORDERS" {
		t.Errorf("format is %+v, %v", f, err)
	}
}

func TestProbe(t *testing.T) {
	store, log := sampleLog(t, 1)
	before := string(store.objects[cutlog.FormatName(capture)])
	if err := log.Probe(t.Context()); err != nil {
		t.Errorf("a create-only store: %v", err)
	}
	store.overwrite = true
	err := log.Probe(t.Context())
	var none *cutlog.NoCreateOnlyError
	if !errors.As(err, &none) || none.Object != cutlog.FormatName(capture) ||
		!strings.Contains(err.Error(), "If-None-Match") {
		t.Errorf("a store that overwrites: %v, want a NoCreateOnlyError that says what it lacks", err)
	}
	if string(store.objects[cutlog.FormatName(capture)]) != before {
		t.Error("the probe changed format.json")
	}
	store.failPut = fails(false, errStore)
	if err := log.Probe(t.Context()); !errors.Is(err, errStore) {
		t.Errorf("a put that fails: %v, want its error", err)
	}
	store.failGet = func(string) error { return errStore }
	if err := log.Probe(t.Context()); !errors.Is(err, errStore) {
		t.Errorf("a get that fails: %v, want its error", err)
	}
}

func wantStage(t *testing.T, log *cutlog.Log, want cutlog.Stage) {
	t.Helper()
	b, err := log.Birth(t.Context())
	if err != nil || b.Stage != want {
		t.Fatalf("Birth is %s, %v, want %s", b.Stage, err, want)
	}
	if want != cutlog.StageFresh && b.Format.Stream != "ORDERS" {
		t.Errorf("format at %s is %+v", want, b.Format)
	}
}
