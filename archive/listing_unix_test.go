//go:build unix

package archive_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
)

// folder writes objects to a directory and opens it for readers.
func (o objects) folder(t *testing.T) (root string, b bucket.Bucket) {
	root = t.TempDir()
	for name, data := range o {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := bucket.OpenDirReadOnly(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return root, d
}

// TestWhatIsNoObject: a reader that walks the directory finds links and odd names, so they are named.
func TestWhatIsNoObject(t *testing.T) {
	b := manyCuts(t)
	path, _ := b.paths(3)
	dir := path[:strings.Index(path, "/")]
	do := func(root string, steps ...func(abs func(string) string) error) {
		for _, step := range steps {
			if err := step(func(n string) string { return filepath.Join(root, n) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	type step = func(abs func(string) string) error
	link := func(target, name string) step {
		return func(abs func(string) string) error { return os.Symlink(target, abs(name)) }
	}
	move := func(from, to string) step {
		return func(abs func(string) string) error {
			return os.Rename(abs(from), abs(to)) //nolint:forbidigo // a user moves things
		}
	}
	write := func(name string) step {
		return func(abs func(string) string) error { return os.WriteFile(abs(name), b.o[path], 0o600) }
	}
	ofName := b.o.seqsOf(t, "S", 3, path)
	for _, tt := range []struct {
		name            string
		steps           []step
		problems, notes []finding
	}{
		{"a link to a file", []step{link(filepath.Base(path), path+".link")}, []finding{
			{archive.Unplanned, path + ".link", "", "symbolic link"},
		}, nil},
		{
			"a link to a directory",
			[]step{link(dir, "again")},
			[]finding{{archive.Unplanned, "again", "", "symbolic link"}},
			nil,
		},
		{"a name with a backslash", []step{write(dir + `/a\b.ndjson.gz`)}, []finding{
			{archive.Unplanned, dir + `/a\b.ndjson.gz`, "", "backslash"},
		}, nil},
		{"a copy whose directory has an odd name", []step{
			func(abs func(string) string) error { return os.Mkdir(abs("odd\x01"), 0o750) },
			write("odd\x01/" + filepath.Base(path)),
		}, []finding{{archive.Unplanned, "odd\x01/" + filepath.Base(path), ofName, "control"}}, nil},
		{"hidden", []step{link(dir, ".again"), link(dir, "_again"), write(`.a\b`)}, nil, nil},
		{"a directory of data behind a link", []step{move(dir, ".data"), link(".data", dir)}, nil, []finding{
			{archive.Linked, dir, "", "behind it"},
		}},
		{"a log behind a link", []step{move("_jetcapture/S", "_jetcapture/.S"), link(".S", "_jetcapture/S")}, nil, []finding{
			{archive.Stray, "_jetcapture/.S/format.json", "", ""},
		}},
		{"the records behind a link", []step{
			move("_jetcapture/S/log", "_jetcapture/S/.log"), link(".log", "_jetcapture/S/log"),
		}, nil, append(strays(b, ".log"), finding{archive.Stray, "_jetcapture/S/log", "", "symbolic link"})},
		{"something in _jetcapture", []step{write("_jetcapture/x"), link("x", "_jetcapture/y")}, nil, []finding{
			{archive.Stray, "_jetcapture/x", "", ""}, {archive.Stray, "_jetcapture/y", "", "symbolic link"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, d := b.o.folder(t)
			do(root, tt.steps...)
			r := verify(t, d, archive.VerifyOptions{})
			expect(t, r.problems, tt.problems...)
			expect(t, r.notes, tt.notes...)
			expect(t, verify(t, d, archive.VerifyOptions{}.WithSmallLimits(3, 10)).problems, tt.problems...)
			if r.Captures != 1 || r.Cuts != 9 {
				t.Errorf("%d captures, %d cuts were checked", r.Captures, r.Cuts)
			}
			do(root, func(abs func(string) string) error { return os.WriteFile(abs(path), nil, 0o600) })
			expect(t, verify(t, d, archive.VerifyOptions{}).problems,
				append(slices.Clone(tt.problems), finding{archive.Damaged, path, ofName, ""})...)
		})
	}
}

// strays are the notes for records that were moved.
func strays(b *builder, dir string) (fs []finding) {
	for _, name := range b.o.names("_jetcapture/S/log/") {
		fs = append(fs, finding{archive.Stray, strings.Replace(name, "/log/", "/"+dir+"/", 1), "", ""})
	}
	return fs
}
