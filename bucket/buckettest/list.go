package buckettest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

// wantNames compares a listing with the names that it should hold, which may be in any order.
func wantNames(t *testing.T, got, want []string) {
	t.Helper()
	want = slices.Sorted(slices.Values(want))
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("List yields %d names, want %d", len(got), len(want))
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("they differ from number %d on: %.200q, want %.200q", i, got[min(i, len(got)):min(i+3, len(got))],
				want[min(i, len(want)):min(i+3, len(want))])
		}
	}
}

// selectNames returns what a listing should yield.
func selectNames(names []string, prefix, after string) []string {
	var selected []string
	for _, name := range names {
		if strings.HasPrefix(name, prefix) && name > after {
			selected = append(selected, name)
		}
	}
	return selected
}

// testList lists names whose byte order is not the order in which a directory walk meets them.
func testList(t *testing.T, b bucket.Bucket) {
	names := []string{
		"a-b", "a/c", "a/c0", "a0", "a/b/x", "a/b-/x", "a/b0", "a.x", "a!", "A", "b/1/2/3/4", "b/1/2/3-4", "b/10", "b/1-",
		"é", "z/ /x", "z/!",
	}
	for i, name := range names {
		mustPut(t, b, name, noise(0, int64(i)))
	}
	prefixes := append([]string{
		"", "a", "a/", "a/b", "a/b/", "b/1", "b/1/", "b/1/2/3", "c", "a/b/x", "a/b/x/", "a/c/", "/", "..", "../", "a//",
		"\x00", "b/9/",
	},
		names...)
	for _, prefix := range prefixes {
		for _, after := range append([]string{
			"", "a", "a/", "a/b/x", "a/z", "a/c", "b", "b/1/2/3/", "b/1/2/3/4", "b/1/9", "~", "zz",
		}, names...) {
			got, want := list(t, b, prefix, after), selectNames(names, prefix, after)
			if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
				t.Errorf("List(%q, %q) yields %q, want %q in order", prefix, after, got, want)
			}
		}
	}
	wantSizes(t, b, names)
}

// wantSizes expects that the i-th name has i bytes.
func wantSizes(t *testing.T, b bucket.Bucket, names []string) {
	t.Helper()
	for info, err := range b.List(t.Context(), "", "") {
		if want := slices.Index(names, info.Name); err != nil || info.Size != int64(want) || info.ModTime.IsZero() {
			t.Errorf("List yields %+v, %v, want size %d and a time", info, err, want)
		}
	}
}

// testListMany needs more than one page of any store.
func (s Suite) testListMany(t *testing.T, b bucket.Bucket) {
	names := make([]string, s.Names)
	var putters sync.WaitGroup
	work := make(chan string)
	for range 8 {
		putters.Go(func() {
			for name := range work {
				if err := put(t.Context(), b, name, nil); err != nil {
					t.Errorf("PutNew(%q) = %v", name, err)
				}
			}
		})
	}
	for i := range names {
		names[i] = fmt.Sprintf("many/%d/%d", i%3, i)
		work <- names[i]
	}
	close(work)
	putters.Wait()
	wantNames(t, list(t, b, "", ""), names)
	wantNames(t, list(t, b, "many/1", "many/1/2"), selectNames(names, "many/1", "many/1/2"))
	last := slices.Max(names)
	wantNames(t, list(t, b, "", last), nil)
}

// testListStops leaves the loop early, and lists again.
func testListStops(t *testing.T, b bucket.Bucket) {
	for _, name := range []string{"a/1", "a/2", "b/1"} {
		mustPut(t, b, name, nil)
	}
	all := b.List(t.Context(), "", "")
	for stop := 1; stop <= 3; stop++ {
		var got []string
		for info, err := range all {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, info.Name); len(got) == stop {
				break
			}
		}
		wantNames(t, got, []string{"a/1", "a/2", "b/1"}[:stop])
	}
}
