package iceberg_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/iceberg-go/catalog"
	_ "github.com/apache/iceberg-go/catalog/hadoop"
	_ "github.com/apache/iceberg-go/catalog/sql"
	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/iceberg"
	"github.com/jetcapture/jetcapture/internal/tablefiles"
	"github.com/jetcapture/jetcapture/internal/tablefiles/tabletest"
	_ "modernc.org/sqlite"
)

// rig is an archive and a catalog in folders of a test.
type rig struct {
	testing.TB
	archive *tabletest.Archive
	capture *archive.Capture
	folder  string
	catalog catalog.Catalog
	seq     uint64
}

func newRig(t testing.TB, address string) *rig {
	t.Helper()
	folder := t.TempDir()
	b, err := bucket.OpenDir(filepath.Join(folder, "archive"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	r := &rig{TB: t, archive: tabletest.New(t, b, "S"), folder: folder}
	r.archive.Settings["x_keys"] = `["region=subject[1]"]`
	if r.capture, err = archive.Open(b).Capture("S"); err != nil {
		t.Fatal(err)
	}
	r.catalog = r.open(strings.ReplaceAll(address, "FOLDER", folder))
	return r
}

func (r *rig) open(address string) catalog.Catalog {
	r.Helper()
	c, err := iceberg.OpenCatalog(r.Context(), address, nil)
	if err != nil {
		r.Fatal(err)
	}
	if closer, ok := c.(catalog.Closer); ok {
		r.Cleanup(func() { closer.Close() })
	}
	return c
}

func (r *rig) projector(c catalog.Catalog) *iceberg.Projector {
	return &iceberg.Projector{
		Bucket: r.archive.Bucket, Capture: r.capture, Place: filepath.Join(r.folder, "archive"),
		Catalog: c, Table: table.Identifier{"ns", "s"}, Batch: 1, Poll: time.Second, Logger: slog.New(slog.DiscardHandler),
	}
}

// cut adds a cut of an hour, with a file of n messages for each key.
func (r *rig) cut(n int, keys ...string) {
	r.Helper()
	var blocks []tabletest.Block
	at := tabletest.Created.Add(time.Duration(r.seq) * time.Minute).Truncate(time.Hour)
	for _, key := range keys {
		b := tabletest.Block{Key: []string{"region=" + key}, Time: at.Add(time.Minute)}
		for range n {
			r.seq++
			b.Seqs = append(b.Seqs, r.seq)
		}
		blocks = append(blocks, b)
	}
	r.archive.Cut(at, blocks...)
}

func (r *rig) once(p *iceberg.Projector) {
	r.Helper()
	if err := p.Run(r.Context(), true); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) table() *table.Table {
	r.Helper()
	t, err := r.catalog.LoadTable(r.Context(), table.Identifier{"ns", "s"})
	if err != nil {
		r.Fatal(err)
	}
	return t
}

// wantWhole compares the files of the table with those of the log, by the log, and the rows of a scan with the
// sequences.
func (r *rig) wantWhole() {
	r.Helper()
	var want, got []string
	var rows uint64
	for cut, err := range tablefiles.Cuts(r.Context(), r.archive.Bucket, r.capture, 0) {
		if err != nil {
			r.Fatal(err)
		}
		for _, f := range cut.Files {
			want = append(want, f.Name)
			rows += f.Seqs.Count()
		}
	}
	t := r.table()
	tasks, err := t.Scan().PlanFiles(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	prefix := filepath.Join(r.folder, "archive") + "/"
	for _, task := range tasks {
		got = append(got, strings.TrimPrefix(task.File.FilePath(), prefix))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		r.Errorf("the table has %d files, the log %d:\n%q\nwant\n%q", len(got), len(want), got, want)
	}
	seqs := r.sequences(t.Scan(table.WithSelectedFields("sequence")))
	if uint64(len(seqs)) != rows || len(slices.Compact(seqs)) != int(rows) {
		r.Errorf("a scan yields %d rows, %d of them different, want %d", len(seqs), len(slices.Compact(seqs)), rows)
	}
}

// sequences are those that a scan of this column yields, ascending.
func (r *rig) sequences(scan *table.Scan) (seqs []int64) {
	r.Helper()
	_, records, err := scan.ToArrowRecords(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	for record, err := range records {
		if err != nil {
			r.Fatal(err)
		}
		seqs = append(seqs, record.Column(0).(*array.Int64).Int64Values()...)
		record.Release()
	}
	slices.Sort(seqs)
	return seqs
}

func catalogs() []string { return []string{"sqlite:FOLDER/catalog.db", "warehouse:FOLDER/warehouse"} }

// TestTheTenthVersionComesBehindTheNinth: the names of versions in a folder sort otherwise. The hint, which readers
// follow, names the last one; the table is found without it, too.
func TestTheTenthVersionComesBehindTheNinth(t *testing.T) {
	r := newRig(t, catalogs()[1])
	for range 11 {
		r.cut(1, "eu")
		r.once(r.projector(r.catalog))
	}
	hint := filepath.Join(r.metadata(), "version-hint.text")
	text, err := os.ReadFile(hint)
	if err != nil {
		t.Fatal(err)
	}
	newest := filepath.Base(r.table().MetadataLocation())
	if want := "v" + string(text) + ".metadata.json"; newest != want || len(text) < 2 {
		t.Errorf("the table is at %s, the hint says %s", newest, want)
	}
	r.wantWhole()
	if err := os.Remove(hint); err != nil {
		t.Fatal(err)
	}
	r.catalog = r.open("warehouse:" + filepath.Join(r.folder, "warehouse"))
	if got := filepath.Base(r.table().MetadataLocation()); got != newest {
		t.Errorf("without the hint the table is at %s, want %s", got, newest)
	}
	r.cut(1, "eu")
	r.once(r.projector(r.catalog))
	r.wantWhole()
}

// TestEachCutIsOneSnapshot: the table has the files of complete cuts, a snapshot for each, says how far it is, and a
// second run finds nothing to do.
func TestEachCutIsOneSnapshot(t *testing.T) {
	for _, address := range catalogs() {
		t.Run(strings.Split(address, ":")[0], func(t *testing.T) {
			r := newRig(t, address)
			r.cut(3, "eu", "us")
			r.cut(0)
			r.cut(2, "eu")
			r.once(r.projector(r.catalog))
			r.wantWhole()
			r.cut(1, "_none")
			r.once(r.projector(r.catalog))
			r.once(r.projector(r.catalog))
			r.wantWhole()
			tbl := r.table()
			if n := len(tbl.Metadata().Snapshots()); n != 3 {
				t.Errorf("%d snapshots of 3 cuts with files", n)
			}
			if cut := tbl.Properties()["jetcapture.S.cut"]; !strings.HasPrefix(cut, "5:") {
				t.Errorf("the property says cut %s, want 5", cut)
			}
			if mark := tbl.Properties()["jetcapture.S.watermark"]; mark != "2026-11-23T15:01:00.000000000Z" {
				t.Errorf("the watermark is %s", mark)
			}
			if to := tbl.CurrentSnapshot().Summary.Properties["jetcapture.to"]; to != fmt.Sprint(r.seq) {
				t.Errorf("the summary says up to %s, want %d", to, r.seq)
			}
		})
	}
}

// TestOldArchive: waiting cuts become few snapshots, and a projector that was stopped goes on behind them.
func TestOldArchive(t *testing.T) {
	r := newRig(t, catalogs()[0])
	for range 7 {
		r.cut(1, "eu", "us")
	}
	p := r.projector(r.catalog)
	p.Batch = 3
	p.Poll = time.Hour
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx, false) }()
	if !r.until(func() bool { return r.commits() > 0 }) {
		t.Fatal("nothing was appended")
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	next := r.projector(r.catalog)
	next.Batch = 3
	r.once(next)
	r.wantWhole()
	if n := len(r.table().Metadata().Snapshots()); n != 3 {
		t.Errorf("7 cuts became %d snapshots of 3 cuts at most", n)
	}
}

// TestPartitions: the values of partitions are those of the log, also null, and the files have metrics.
func TestPartitions(t *testing.T) {
	r := newRig(t, catalogs()[0])
	r.cut(2, "eu", "_none", "_empty", "__none", "a/b 100%")
	r.once(r.projector(r.catalog))
	r.wantWhole()
	tasks, err := r.table().Scan().PlanFiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, task := range tasks {
		var values []string
		spec := r.table().Spec()
		for _, field := range spec.Fields() {
			values = append(values, fmt.Sprintf("%s=%v", field.Name, task.File.Partition()[field.FieldID]))
		}
		got = append(got, fmt.Sprint(values, task.File.Count(), len(task.File.LowerBoundValues()) > 3))
	}
	slices.Sort(got)
	const day = " time_day=20780] 2 true"
	want := []string{
		"[region=" + day, "[region=<nil>" + day, "[region=_none" + day, "[region=a/b 100%" + day, "[region=eu" + day,
	}
	if !slices.Equal(got, want) {
		t.Errorf("partitions, rows and metrics are\n%q\nwant\n%q", got, want)
	}
}

// TestAnotherArchive: a table is not continued with cuts of another log of the same name.
func TestAnotherArchive(t *testing.T) {
	one, other := newRig(t, catalogs()[0]), newRig(t, catalogs()[0])
	one.cut(1, "eu")
	other.cut(2, "eu")
	one.once(one.projector(one.catalog))
	err := other.projector(one.catalog).Run(context.Background(), true)
	if err == nil || !strings.Contains(err.Error(), "of another capture S than that of --archive "+other.folder) {
		t.Errorf("the cuts of another archive: %v", err)
	}
}
