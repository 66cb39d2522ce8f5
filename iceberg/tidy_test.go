package iceberg_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/iceberg-go/catalog"
	"github.com/apache/iceberg-go/table"
)

// metadataOf are the names of all files of metadata that a table has: versions, lists of manifests, and manifests.
func (r *rig) metadataOf(t *table.Table) map[string]bool {
	r.Helper()
	files, err := t.FS(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	names := map[string]bool{filepath.Base(t.MetadataLocation()): true}
	for old := range t.Metadata().PreviousFiles() {
		names[filepath.Base(old.MetadataFile)] = true
	}
	for _, s := range t.Metadata().Snapshots() {
		names[filepath.Base(s.ManifestList)] = true
		manifests, err := s.Manifests(files)
		if err != nil {
			r.Fatal(err)
		}
		for _, m := range manifests {
			names[filepath.Base(m.FilePath())] = true
		}
	}
	return names
}

// tag gives the current snapshot a name.
func (r *rig) tag(name string) (id int64) {
	r.Helper()
	id = r.table().CurrentSnapshot().SnapshotID
	r.tagAs(name, id)
	return id
}

// tagAs gives a snapshot a name.
func (r *rig) tagAs(name string, id int64) {
	r.Helper()
	_, _, err := r.catalog.CommitTable(r.Context(), table.Identifier{"ns", "s"}, nil, []table.Update{
		table.NewSetSnapshotRefUpdate(name, id, table.TagRef, 0, 0, 0),
	})
	if err != nil {
		r.Fatal(err)
	}
}

// TestOldTable: after many commits the table has few manifests, and no files of metadata but those of its snapshots. A
// snapshot with a name is whole.
func TestOldTable(t *testing.T) {
	for _, address := range catalogs() {
		t.Run(strings.Split(address, ":")[0], func(t *testing.T) {
			r := newRig(t, address)
			p := r.projector(r.catalog)
			p.Keep = 3
			r.cut(1, "eu", "us")
			r.cut(1, "eu", "us")
			r.once(p)
			tagged := r.tag("closing")
			for range 64 {
				r.cut(1, "eu", "us")
			}
			r.once(p)
			r.wantWhole()

			tbl := r.table()
			if n := len(tbl.Metadata().Snapshots()); n > 4+1 {
				t.Errorf("%d snapshots, want 3, one more until they are dropped, and the tagged one", n)
			}
			files, err := tbl.FS(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if manifests, err := tbl.CurrentSnapshot().Manifests(files); err != nil || len(manifests) > 10 {
				t.Errorf("%d manifests after 66 commits: %v", len(manifests), err)
			}
			r.wantNoOtherMetadata(tbl)
			closing := tbl.Scan(table.WithSnapshotID(tagged), table.WithSelectedFields("sequence"))
			if n := len(r.sequences(closing)); n != 4 {
				t.Errorf("the tagged snapshot has %d rows, want 4", n)
			}
		})
	}
}

// TestSweepGoesOn: a list that cannot be read or deleted keeps no other one there.
func TestSweepGoesOn(t *testing.T) {
	for name, spoil := range map[string]func(lists []string) error{
		"not deleted": func(lists []string) error {
			return errors.Join(os.Remove(lists[0]), os.MkdirAll(filepath.Join(lists[0], "full"), 0o700))
		},
		"swept by another": func(lists []string) error { return os.Remove(lists[4]) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, catalogs()[0])
			p := r.projector(r.catalog)
			for range 6 {
				r.cut(1, "eu")
			}
			r.once(p)
			var lists []string
			for _, s := range r.table().Metadata().Snapshots() {
				lists = append(lists, strings.TrimPrefix(s.ManifestList, "file://"))
			}
			if err := spoil(lists); err != nil {
				t.Fatal(err)
			}
			p.Keep = 3
			r.cut(1, "eu")
			r.once(p)
			r.wantWhole()
			for i, list := range lists[1:4] {
				if _, err := os.Stat(list); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the list of dropped snapshot %d is still there: %v", i+2, err)
				}
			}
		})
	}
}

// hooked is a catalog that calls a function before it loads a table.
type hooked struct {
	catalog.Catalog
	load func()
}

func (h hooked) LoadTable(ctx context.Context, name table.Identifier) (*table.Table, error) {
	h.load()
	return h.Catalog.LoadTable(ctx, name)
}

// TestTagBeforeTheDrop: a snapshot that gets a name after the commit, before the oldest ones are dropped, is kept.
func TestTagBeforeTheDrop(t *testing.T) {
	r := newRig(t, catalogs()[0])
	p := r.projector(r.catalog)
	for range 4 {
		r.cut(1, "eu")
	}
	r.once(p)
	oldest := r.table().Metadata().Snapshots()[0].SnapshotID
	loads := 0
	p.Keep, p.Catalog = 3, hooked{r.catalog, func() {
		if loads++; loads == 2 {
			r.tagAs("closing", oldest)
		}
	}}
	r.cut(1, "eu")
	r.once(p)
	if r.table().Metadata().SnapshotByID(oldest) == nil {
		t.Error("the tagged snapshot was dropped")
	}
}

// wantNoOtherMetadata compares the folder of the metadata with what the table has.
func (r *rig) wantNoOtherMetadata(t *table.Table) {
	r.Helper()
	has := r.metadataOf(t)
	entries, err := os.ReadDir(filepath.Dir(strings.TrimPrefix(t.MetadataLocation(), "file://")))
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range entries {
		if !has[e.Name()] && e.Name() != "version-hint.text" {
			r.Errorf("%s is in no snapshot", e.Name())
		}
	}
	if len(entries) < len(has) {
		r.Errorf("%d files of metadata are there, the table has %d", len(entries), len(has))
	}
}
