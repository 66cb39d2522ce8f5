package iceberg_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go/catalog"
	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/iceberg"
	"github.com/jetcapture/jetcapture/internal/tablefiles/tabletest"
)

func (r *rig) losses(c catalog.Catalog) *iceberg.Projector {
	p := r.projector(c)
	p.Table, p.Losses = table.Identifier{"ns", "lost"}, true
	return p
}

// deadLetters is a file of them, with an error for each sequence.
func deadLetters(t *testing.T, seqs []uint64, errs ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	for i, seq := range seqs {
		fmt.Fprintf(z, `{"seq":%d,"subject":"x","time":"2026-11-23T15:00:00Z","error":%q}`+"\n", seq, errs[i])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// lossRows are the rows of the table of losses, by cut and sequence.
func (r *rig) lossRows() (rows []string) {
	r.Helper()
	t, err := r.catalog.LoadTable(r.Context(), table.Identifier{"ns", "lost"})
	if err != nil {
		r.Fatal(err)
	}
	_, records, err := t.Scan().ToArrowRecords(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	for record, err := range records {
		if err != nil {
			r.Fatal(err)
		}
		for row := range int(record.NumRows()) {
			var values []string
			for _, column := range record.Columns() {
				values = append(values, column.ValueStr(row))
			}
			rows = append(rows, strings.Join(append(values[:1], values[2:]...), " "))
		}
		record.Release()
	}
	slices.Sort(rows)
	return rows
}

// TestLosses: the second table has a row for each run of sequences that are lost or dead for one reason, once, whatever
// number of processes write it. It is there before the first such run.
func TestLosses(t *testing.T) {
	for _, address := range catalogs() {
		t.Run(strings.Split(address, ":")[0], func(t *testing.T) {
			r := newRig(t, address)
			at := tabletest.Created.Add(time.Minute)
			r.archive.Cut(at, tabletest.Block{Time: at, Seqs: []uint64{1, 2}})
			r.once(r.losses(r.catalog))
			if got := r.lossRows(); len(got) > 0 {
				t.Errorf("the rows of no losses are %q", got)
			}
			dead := []uint64{5, 6, 7, 9}
			r.archive.Cut(at, tabletest.Block{Time: at, Seqs: []uint64{3, 4}, Lost: true},
				tabletest.Block{Time: at, Seqs: dead, Dead: true, Data: deadLetters(t, dead, "bad", "bad", "worse", "bad")})
			r.archive.Cut(at, tabletest.Block{Time: at, Seqs: []uint64{10}})
			r.archive.Cut(at, tabletest.Block{Time: at, Seqs: []uint64{11, 13}, Lost: true})
			r.race(address)
			r.once(r.losses(r.catalog))
			want := []string{
				"S 3 dead 5 6 2 (null) bad", "S 3 dead 7 7 1 (null) worse", "S 3 dead 9 9 1 (null) bad",
				"S 3 lost 3 4 2 gone (null)", "S 5 lost 11 11 1 gone (null)", "S 5 lost 13 13 1 gone (null)",
			}
			if got := r.lossRows(); !slices.Equal(got, want) {
				t.Errorf("the rows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// TestNothingLost: the position moves over cuts without losses, so that they are read once, and commits are few.
func TestNothingLost(t *testing.T) {
	r := newRig(t, catalogs()[0])
	lost := func() *table.Table {
		tbl, err := r.catalog.LoadTable(t.Context(), table.Identifier{"ns", "lost"})
		if err != nil {
			t.Fatal(err)
		}
		return tbl
	}
	for range 120 {
		r.cut(1, "eu")
	}
	r.once(r.losses(r.catalog))
	if cut := lost().Properties()["jetcapture.S.cut"]; !strings.HasPrefix(cut, "121:") {
		t.Errorf("after 120 cuts without losses the position is %q", cut)
	}
	at := lost().MetadataLocation()
	r.cut(1, "eu")
	r.once(r.losses(r.catalog))
	if lost().MetadataLocation() != at {
		t.Error("a cut without losses is a commit")
	}
	when := tabletest.Created
	r.archive.Cut(when, tabletest.Block{Time: when, Seqs: []uint64{r.seq + 1}, Lost: true})
	r.once(r.losses(r.catalog))
	if got := r.lossRows(); len(got) != 1 {
		t.Errorf("the rows are %q, want one", got)
	}
}

// race has two projectors of the losses at work at the same time.
func (r *rig) race(address string) {
	r.Helper()
	other := r.open(strings.ReplaceAll(address, "FOLDER", r.folder))
	done := make(chan error)
	for _, c := range []catalog.Catalog{r.catalog, other} {
		go func() { done <- r.losses(c).Run(r.Context(), true) }()
	}
	for range 2 {
		if err := <-done; err != nil {
			r.Error(err)
		}
	}
}

// TestDamagedDeadLetters: a file that is not that of the log is no reason for wrong rows.
func TestDamagedDeadLetters(t *testing.T) {
	r := newRig(t, catalogs()[0])
	at, seqs := tabletest.Created.Add(time.Minute), []uint64{1}
	r.archive.Cut(at, tabletest.Block{Time: at, Seqs: seqs, Dead: true, Data: deadLetters(t, seqs, "bad")})
	damage(t, r.folder, deadLetters(t, seqs, "other"))
	err := r.losses(r.catalog).Run(t.Context(), true)
	if err == nil || !strings.Contains(err.Error(), "jetcapture verify") {
		t.Errorf("a dead letter with another error: %v", err)
	}
}

// damage replaces the only file of dead letters.
func damage(t *testing.T, folder string, content []byte) {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(folder, "archive", "_deadletter"),
		func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				files = append(files, path)
			}
			return err
		})
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := errors.Join(os.Chmod(files[0], 0o600), os.WriteFile(files[0], content, 0o600)); err != nil {
		t.Fatal(err)
	}
}
