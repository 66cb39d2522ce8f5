package bucket_test

import (
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/bucket"
)

// FuzzCheckName: a name that passes is a plain relative path, and stays below the root.
func FuzzCheckName(f *testing.F) {
	for _, name := range []string{
		"", "a", "a/b", "/a", "a/", "a//b", "..", "a/../b", "a/.", "\x00", "\xff", "a\\b", "%2e%2e/x", "é/🍕",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := bucket.CheckName(name)
		if err != nil {
			if !bucket.IsPermanent(err) || len(err.Error()) > 1000 {
				t.Errorf("CheckName(%q) = %v, want a short permanent error", name, err)
			}
			return
		}
		if !fs.ValidPath(name) || name == "." || !filepath.IsLocal(name) || filepath.Join("/root", name) != "/root/"+name ||
			!utf8.ValidString(name) || strings.ContainsAny(name, "\x00\n\r\\") || len(name) > bucket.MaxName {
			t.Errorf("CheckName(%q) = nil, want an error", name)
		}
	})
}

// TestListOrder compares the listing of Dir with that of Mem, which sorts, for many random trees.
func TestListOrder(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	d, m := openDir(t, t.TempDir()), bucket.NewMem()
	for range 150 {
		name := randomName(source)
		if err := putString(t.Context(), d, name, ""); err == nil { // not where a directory is in the way
			mustPut(t, m, name, "")
		}
	}
	for range 500 {
		prefix, after := randomPiece(source), randomPiece(source)
		got, want := names(t, d, prefix, after), names(t, m, prefix, after)
		if !slices.Equal(got, want) || !slices.IsSorted(want) {
			t.Fatalf("List(%q, %q) yields %q, want %q", prefix, after, got, want)
		}
	}
	if n := len(listed(t, d)); n < 50 {
		t.Errorf("%d names are compared, want 50 at least", n)
	}
}

// randomName makes names of few letters, around the slash in byte order, so that they collide and nest.
func randomName(source *rand.Rand) string {
	segments := make([]string, 1+source.IntN(4))
	for i := range segments {
		for range 1 + source.IntN(3) {
			segments[i] += string("!-.0az"[source.IntN(6)])
		}
		if strings.Trim(segments[i], ".") == "" {
			segments[i] += "a"
		}
	}
	return strings.Join(segments, "/")
}

// randomPiece cuts a name anywhere.
func randomPiece(source *rand.Rand) string {
	name := randomName(source)
	return name[:source.IntN(len(name)+1)]
}

func names(t *testing.T, b bucket.Bucket, prefix, after string) []string {
	t.Helper()
	var names []string
	for info, err := range b.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	return names
}
