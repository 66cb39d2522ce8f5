package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/tablefiles/tabletest"
)

// TestManifest: what the list names is what lies in the folder as data, and nothing else.
func TestManifest(t *testing.T) {
	srv, _ := orders(t, `{"id":1}`, "no JSON", `{"id":3}`)
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--format", "parquet", "--column", "id:int64=json:id", "--on-mismatch", "dead-letter",
		"--key", "n=subject[2]", "--layout", "hive")
	r := environment{}.run(t, "manifest", folder)
	listed := strings.Fields(r.stdout)
	slices.Sort(listed)
	var want []string
	for _, name := range filesBelow(t, folder, "n=") {
		want = append(want, filepath.Join(folder, name))
	}
	slices.Sort(want)
	if r.code != exitDone || len(want) != 2 || !slices.Equal(listed, want) {
		t.Errorf("exit code %d, %s, listed %q, want %q", r.code, r.stderr, listed, want)
	}

	objects := objectsOf(t, environment{}.run(t, "manifest", folder, "--json", "--url", "https://x/y/"))
	const wantFacts = "ORDERS [n=1] 1 1 1\nORDERS [n=3] 3 3 1\n"
	if got := facts(objects, "capture", "key", "first", "last", "rows"); got != wantFacts {
		t.Errorf("objects: %s, want %s", got, wantFacts)
	}
	if path := fmt.Sprint(objects[0]["path"]); !strings.HasPrefix(path, "https://x/y/n=1/date=") {
		t.Errorf("with --url, the path is %s", path)
	}

	r = environment{}.run(t, "manifest", folder, "--sql", `my "orders"`)
	if !strings.HasPrefix(r.stdout, `CREATE OR REPLACE VIEW "my ""orders""" AS SELECT * FROM read_parquet([`) ||
		!strings.HasSuffix(r.stdout, "hive_partitioning = true);\n") || strings.Count(r.stdout, ".parquet'") != 2 {
		t.Errorf("the view is\n%s", r.stdout)
	}
}

func TestManifestWrites(t *testing.T) {
	folder := t.TempDir()
	b, err := bucket.OpenDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	a := tabletest.New(t, b, "S")
	for day := range 3 {
		at := tabletest.Created.AddDate(0, 0, day)
		a.Cut(at, tabletest.Block{Time: at, Seqs: []uint64{uint64(day) + 1}})
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(t.TempDir(), "lists")
	for i, args := range [][]string{{"--write"}, {"--write"}, {"--write", "--into", into}} {
		r := environment{}.run(t, append([]string{"manifest", folder}, args...)...)
		if r.code != exitDone || (i == 1) != strings.Contains(r.stderr, "nothing was written: each day before") {
			t.Errorf("%q: exit code %d: %s", args, r.code, r.stderr)
		}
	}
	for _, place := range []string{folder, into} {
		for day, want := range map[string]string{"2026-11-23": "0001-", "2026-11-24": "0002-"} {
			list, err := os.ReadFile(filepath.Join(place, "_manifest/S/symlink/cut_date="+day+"/files.txt"))
			name, _, _ := strings.Cut(string(list), "\n")
			if _, statErr := os.Stat(name); err != nil || statErr != nil || !strings.Contains(name, want) {
				t.Errorf("the list of %s in %s: %v, %v, %s", day, place, err, statErr, list)
			}
		}
	}
	wantSound(t, folder)
}

func TestManifestRefuses(t *testing.T) {
	folder, _ := ordersArchive(t)
	for want, args := range map[string][]string{
		"several captures": {"manifest", folder},
		"give one of them": {"manifest", folder, "--json", "--write"},
		"give both":        {"manifest", folder, "--into", "x"},
		"no capture \"X\"": {"manifest", folder, "--capture", "X"},
		"is for Parquet":   {"manifest", folder, "--capture", "ORDERS", "--sql", "x"},
	} {
		if r := (environment{}).run(t, args...); r.code == exitDone || !strings.Contains(r.stderr, want) {
			t.Errorf("%q: exit code %d, %s", args[2:], r.code, r.stderr)
		}
	}
}
