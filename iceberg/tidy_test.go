package iceberg_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	_, _, err := r.catalog.CommitTable(r.Context(), table.Identifier{"ns", "s"}, nil, []table.Update{
		table.NewSetSnapshotRefUpdate(name, id, table.TagRef, 0, 0, 0),
	})
	if err != nil {
		r.Fatal(err)
	}
	return id
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
