package buckettest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
)

// none is a schedule without faults.
func none(buckettest.Call) buckettest.Kind { return buckettest.None }

func TestFaultyWithoutFaultsConforms(t *testing.T) {
	suite := buckettest.Suite{
		Open:      func(*testing.T) bucket.Bucket { return buckettest.NewFaulty(bucket.NewMem(), none) },
		LargeSize: 1 << 20, Names: 100, Racers: 8, Rounds: 2,
	}
	suite.Run(t)
}

func put(ctx context.Context, b bucket.Bucket, name, content string) error {
	sum := sha256.Sum256([]byte(content))
	return b.PutNew(ctx, name, strings.NewReader(content), bucket.PutOptions{Size: int64(len(content)), SHA256: sum[:]})
}

func read(ctx context.Context, b bucket.Bucket, name string) (string, error) {
	r, err := b.Open(ctx, name, 0, -1)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(r)
	return string(content), errors.Join(err, r.Close())
}

func list(b bucket.Bucket) (names []string, err error) {
	for info, err := range b.List(context.Background(), "", "") {
		if err != nil {
			return names, err
		}
		names = append(names, info.Name)
	}
	return names, nil
}

func wantInjected(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, buckettest.ErrInjected) || bucket.IsPermanent(err) {
		t.Errorf("error is %v, want ErrInjected, not permanent", err)
	}
}

// wantFaults expects the counts.
func wantFaults(t *testing.T, f *buckettest.Faulty, want map[buckettest.Kind]int) {
	t.Helper()
	if got := f.Counts(); !maps.Equal(got, want) {
		t.Errorf("counts are %v, want %v", got, want)
	}
}

// TestPutFaults puts one object with a fault and looks at what the store holds afterwards.
func TestPutFaults(t *testing.T) {
	for _, test := range []struct {
		kind  buckettest.Kind
		fails bool
		holds string // "": nothing
	}{
		{buckettest.None, false, "content"},
		{buckettest.ErrorBefore, true, ""},
		{buckettest.LostResponse, true, "content"},
		{buckettest.LatePut, true, ""},
		{buckettest.Partial, true, ""},
		{buckettest.Truncated, false, "con"},
		{buckettest.Slow, false, "content"},
		{buckettest.Overwrite, false, "content"},
		{buckettest.StaleList, false, "content"}, // does not apply
	} {
		t.Run(test.kind.String(), func(t *testing.T) {
			store := bucket.NewMem()
			f := buckettest.NewFaulty(store, buckettest.Script(buckettest.OpPutNew, test.kind))
			err := put(t.Context(), f, "a", "content")
			if test.fails {
				wantInjected(t, err)
			} else if err != nil {
				t.Errorf("PutNew = %v, want nil", err)
			}
			got, err := read(t.Context(), store, "a")
			if got != test.holds || (err == nil) != (test.holds != "") {
				t.Errorf("the store holds %q, %v, want %q", got, err, test.holds)
			}
			counted := map[buckettest.Kind]int{test.kind: 1}
			switch test.kind {
			case buckettest.None, buckettest.Overwrite, buckettest.StaleList:
				counted = nil
			}
			wantFaults(t, f, counted)
		})
	}
}

func TestLatePutIsStoredByLaterCalls(t *testing.T) {
	store := bucket.NewMem()
	f := buckettest.NewFaulty(store, buckettest.Script(buckettest.OpPutNew, buckettest.LatePut, buckettest.LatePut))
	f.LateBy = 2
	ctx, cancel := context.WithCancel(t.Context())
	wantInjected(t, put(ctx, f, "late", "of the zombie"))
	wantInjected(t, put(ctx, f, "taken", "of the zombie"))
	cancel() // its caller gives up
	if err := put(t.Context(), f, "taken", "of another"); err != nil {
		t.Fatalf("PutNew = %v", err)
	}
	if got, err := read(t.Context(), f, "late"); err != nil || got != "of the zombie" {
		t.Errorf("late holds %q, %v, want what was put late", got, err)
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Errorf("Settle = %v", err)
	}
	if got, err := read(t.Context(), f, "taken"); err != nil || got != "of another" {
		t.Errorf("taken holds %q, %v, want what was put first", got, err)
	}
}

func TestSettle(t *testing.T) {
	store := bucket.NewMem()
	f := buckettest.NewFaulty(store, buckettest.Script(buckettest.OpPutNew, buckettest.LatePut))
	wantInjected(t, put(t.Context(), f, "late", "content"))
	if err := f.Settle(t.Context()); err != nil {
		t.Fatalf("Settle = %v", err)
	}
	if got, err := read(t.Context(), store, "late"); err != nil || got != "content" {
		t.Errorf("late holds %q, %v, want the content", got, err)
	}
}

func TestOverwriteReplaces(t *testing.T) {
	f := buckettest.NewFaulty(bucket.NewMem(), func(buckettest.Call) buckettest.Kind { return buckettest.Overwrite })
	for _, content := range []string{"first", "second", "the third"} {
		if err := put(t.Context(), f, "a", content); err != nil {
			t.Fatalf("PutNew = %v, want nil: it overwrites", err)
		}
		if got, err := read(t.Context(), f, "a"); err != nil || got != content {
			t.Errorf("it holds %q, %v, want %q", got, err, content)
		}
		if info, err := f.Stat(t.Context(), "a"); err != nil || info.Size != int64(len(content)) {
			t.Errorf("Stat = %+v, %v, want size %d", info, err, len(content))
		}
	}
	wantFaults(t, f, map[buckettest.Kind]int{buckettest.Overwrite: 2})
}

func TestReadFaults(t *testing.T) {
	store := bucket.NewMem()
	for _, name := range []string{"a", "b", "c"} {
		if err := put(t.Context(), store, name, "0123456789"); err != nil {
			t.Fatal(err)
		}
	}
	f := buckettest.NewFaulty(store, buckettest.Script(buckettest.OpOpen, buckettest.ErrorBefore, buckettest.Partial))
	_, err := read(t.Context(), f, "a")
	wantInjected(t, err)
	got, err := read(t.Context(), f, "a")
	wantInjected(t, err)
	if got != "01234" {
		t.Errorf("a broken read yields %q, want half", got)
	}

	f = buckettest.NewFaulty(store, buckettest.Script(buckettest.OpStat, buckettest.ErrorBefore))
	_, err = f.Stat(t.Context(), "a")
	wantInjected(t, err)

	f = buckettest.NewFaulty(store, buckettest.Script(buckettest.OpList, buckettest.ErrorBefore, buckettest.Partial))
	names, err := list(f)
	wantInjected(t, err)
	if len(names) > 0 {
		t.Errorf("a failed list yields %q", names)
	}
	names, err = list(f)
	wantInjected(t, err)
	if !slices.Equal(names, []string{"a"}) {
		t.Errorf("a broken list yields %q, want the first name", names)
	}
}

func TestStaleListLacksTheNewest(t *testing.T) {
	f := buckettest.NewFaulty(bucket.NewMem(), buckettest.Script(buckettest.OpList, buckettest.StaleList))
	f.StaleBy = 2
	for _, name := range []string{"c", "a", "d", "b"} {
		if err := put(t.Context(), f, name, ""); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := list(f); err != nil || !slices.Equal(names, []string{"a", "c"}) {
		t.Errorf("stale list is %q, %v, want a and c", names, err)
	}
	if names, err := list(f); err != nil || len(names) != 4 {
		t.Errorf("next list is %q, %v, want all", names, err)
	}
}

func TestSlowWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(buckettest.Call) buckettest.Kind { return buckettest.Slow }
		f := buckettest.NewFaulty(bucket.NewMem(), slow)
		f.Delay = time.Minute
		start := time.Now()
		if err := put(t.Context(), f, "a", "x"); err != nil || time.Since(start) != time.Minute {
			t.Errorf("PutNew = %v after %v, want nil after a minute", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := put(ctx, f, "b", "x"); !errors.Is(err, context.DeadlineExceeded) || bucket.IsPermanent(err) {
			t.Errorf("PutNew = %v, want the error of the context", err)
		}
	})
}

// TestSeeded expects equal faults of equal seeds, and all kinds, in a run that a caller who repeats its puts comes
// through.
func TestSeeded(t *testing.T) {
	rates := map[buckettest.Kind]float64{
		buckettest.ErrorBefore: 0.1, buckettest.LostResponse: 0.1, buckettest.LatePut: 0.1, buckettest.Partial: 0.1,
		buckettest.Truncated: 0.1, buckettest.Overwrite: 0.1, buckettest.Slow: 0.1, buckettest.StaleList: 0.1,
	}
	run := func(seed uint64) map[buckettest.Kind]int {
		f := buckettest.NewFaulty(bucket.NewMem(), buckettest.Seeded(seed, rates))
		f.Delay = 0
		for i := range 400 {
			name := "object" + string(rune('a'+i%20))
			for errors.Is(put(t.Context(), f, name, "content"), buckettest.ErrInjected) {
			}
			_, _ = list(f)
			_, _ = read(t.Context(), f, name)
		}
		return f.Counts()
	}
	first := run(1)
	for _, kind := range buckettest.Kinds() {
		if first[kind] == 0 {
			t.Errorf("no %v in %v", kind, first)
		}
	}
	if again := run(1); !maps.Equal(first, again) {
		t.Errorf("counts are %v and %v for the same seed, want equal ones", first, again)
	}
	if other := run(2); maps.Equal(first, other) {
		t.Errorf("counts are %v for two seeds, want others", first)
	}
}

// TestFaultsKeepBodyErrors: a body that is wrong is so under every fault.
func TestFaultsKeepBodyErrors(t *testing.T) {
	f := buckettest.NewFaulty(bucket.NewMem(), buckettest.Script(buckettest.OpPutNew, buckettest.Truncated))
	body := bytes.NewReader([]byte("content"))
	err := f.PutNew(t.Context(), "a", body, bucket.PutOptions{Size: 8})
	if !errors.Is(err, bucket.ErrBody) {
		t.Errorf("PutNew = %v, want ErrBody also where the fault reads the body", err)
	}
}
