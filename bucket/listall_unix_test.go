//go:build unix

package bucket_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

// TestDirListAll: what is not an object is listed in its place, and only by ListAll.
func TestDirListAll(t *testing.T) {
	root := t.TempDir()
	d := openDir(t, root)
	mustPut(t, d, "a/one", "1")
	mustPut(t, d, "a/two", "2")
	for name, target := range map[string]string{"a/link": "one", "b": "a", "out": "/"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("x", 210)
	for _, name := range []string{`a/back\slash`, "a/new\nline", "a/" + long, "_jetcapture/tmp/.put-1.tmp"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all, objects []string
	for e, err := range d.ListAll(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s:%v:%v", e.Name, e.Odd != "", e.Link))
	}
	want := []string{
		`a/back\slash:true:false`, "a/link:true:true", "a/new\nline:true:false",
		"a/one:false:false", "a/two:false:false", "a/" + long + ":true:false", "b:true:true", "out:true:true",
	}
	if !slices.Equal(all, want) {
		t.Errorf("ListAll yields %q, want %q", all, want)
	}
	for info, err := range d.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, info.Name)
	}
	if !slices.Equal(objects, []string{"a/one", "a/two"}) {
		t.Errorf("List yields %q", objects)
	}
	for e, err := range d.ListAll(t.Context(), "a/l", "a/link") {
		t.Errorf("ListAll after the only one yields %q, %v", e.Name, err)
	}
	for e, err := range d.ListAll(t.Context(), "b", "") {
		if e.Name != "b" || err != nil {
			t.Errorf("ListAll goes through a link to %q, %v", e.Name, err)
		}
	}
	var _ bucket.AllLister = d
}
