package iceberg_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/internal/tablefiles/tabletest"
	"github.com/jetcapture/jetcapture/parquetwriter"
)

// tableCut adds a cut with a file of one row, which has a value in each column.
func (r *rig) tableCut(expressions string, columns ...parquetwriter.Column) {
	r.Helper()
	w, err := parquetwriter.NewTableWriter(r.archive.Writer, columns)
	if err != nil {
		r.Fatal(err)
	}
	var out bytes.Buffer
	if err := w.InitNew(&out); err != nil {
		r.Fatal(err)
	}
	r.seq++
	var row []parquetwriter.Value
	for _, c := range columns {
		v := parquetwriter.StringValue("x")
		switch c.Type {
		case parquetwriter.Int64:
			v = parquetwriter.Int64Value(int64(r.seq))
		case parquetwriter.Decimal:
			if v, err = c.DecimalValue("1.25"); err != nil {
				r.Fatal(err)
			}
		}
		row = append(row, v)
	}
	if _, err := w.Write(row); err != nil {
		r.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		r.Fatal(err)
	}
	r.archive.Settings["x_columns"] = expressions
	r.archive.Cut(tabletest.Created, tabletest.Block{
		Key: []string{"region=eu"}, Time: tabletest.Created, Seqs: []uint64{r.seq}, Data: out.Bytes(),
	})
}

// rows are all rows of the table by some columns, as text.
func (r *rig) rows(columns ...string) string {
	r.Helper()
	_, records, err := r.table().Scan(table.WithSelectedFields(columns...)).ToArrowRecords(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	values := map[string][]string{}
	for record, err := range records {
		if err != nil {
			r.Fatal(err)
		}
		for i, name := range columns {
			at := record.Schema().FieldIndices(name)[0]
			for row := range int(record.NumRows()) {
				values[columns[i]] = append(values[columns[i]], record.Column(at).ValueStr(row))
			}
		}
		record.Release()
	}
	return fmt.Sprint(values)
}

// TestColumnsChange: columns are added wherever they stand, found by id and not by place, and promoted; what no table
// can have is refused, and the table stays as it was.
func TestColumnsChange(t *testing.T) {
	r := newRig(t, catalogs()[0])
	seq := parquetwriter.Column{Name: "n", Type: parquetwriter.Int64}
	short := parquetwriter.Column{Name: "d", Type: parquetwriter.Decimal, Precision: 5, Scale: 2}
	long := parquetwriter.Column{Name: "d", Type: parquetwriter.Decimal, Precision: 9, Scale: 2}
	text := parquetwriter.Column{Name: "b", Type: parquetwriter.String}
	r.archive.Writer.OmitFieldIDs = true
	r.tableCut(`["n:int64=seq","d:decimal(5,2)=json:d"]`, seq, short)
	r.archive.Writer.OmitFieldIDs = false
	r.tableCut(`["b=json:b","d:decimal(5,2)=json:d","n:int64=seq"]`, text, short, seq)
	r.once(r.projector(r.catalog))
	r.tableCut(`["n:int64=seq","d:decimal(9,2)=json:d"]`, seq, long)
	r.once(r.projector(r.catalog))
	if got, want := r.rows("n", "d", "b"), "map[b:[x (null) (null)] d:[1.25 1.25 1.25] n:[2 1 3]]"; !sameRows(got, want) {
		t.Errorf("rows: %s, want %s in any order", got, want)
	}
	var fields []string
	for _, f := range r.table().Schema().Fields() {
		fields = append(fields, fmt.Sprint(f.Name, ":", f.Type))
	}
	if got := strings.Join(fields, " "); got != "n:long d:decimal(9, 2) region:string date:date b:string" {
		t.Errorf("the columns are %s", got)
	}
	before := r.table().MetadataLocation()
	r.tableCut(`["n=json:n"]`, parquetwriter.Column{Name: "n", Type: parquetwriter.String})
	err := r.projector(r.catalog).Run(t.Context(), true)
	if err == nil || !strings.Contains(err.Error(), "take another --table") || !strings.Contains(err.Error(), "column n") {
		t.Errorf("a column of another type: %v", err)
	}
	if after := r.table().MetadataLocation(); after != before {
		t.Errorf("it changed the table: %s", filepath.Base(after))
	}
}

// sameRows compares texts without the order of what they list.
func sameRows(a, b string) bool {
	counts := map[rune]int{}
	for _, c := range a {
		counts[c]++
	}
	for _, c := range b {
		counts[c]--
	}
	for _, n := range counts {
		if n != 0 {
			return false
		}
	}
	return true
}

// TestKeysChange: a cut with other keys gets a partition spec of its own.
func TestKeysChange(t *testing.T) {
	r := newRig(t, catalogs()[0])
	r.cut(1, "eu")
	r.archive.Settings["x_keys"] = `["shop=json:shop","region=subject[1]"]`
	r.archive.Cut(tabletest.Created, tabletest.Block{
		Key: []string{"shop=s1", "region=us"}, Time: tabletest.Created, Seqs: []uint64{2},
	})
	r.once(r.projector(r.catalog))
	r.wantWhole()
	if n := len(r.table().Metadata().PartitionSpecs()); n < 2 {
		t.Errorf("%d partition specs", n)
	}
	if fields := r.table().Spec().String(); !strings.Contains(fields, "shop") {
		t.Errorf("the default spec is %s", fields)
	}
}

// TestOtherFormats: files that are not Parquet are refused with advice.
func TestOtherFormats(t *testing.T) {
	r := newRig(t, catalogs()[0])
	r.archive.Cut(tabletest.Created, tabletest.Block{
		Key: []string{"region=eu"}, Time: tabletest.Created, Seqs: []uint64{1}, Data: []byte("{\"n\":1}\n"),
	})
	err := r.projector(r.catalog).Run(t.Context(), true)
	if err == nil || !strings.Contains(err.Error(), "jetcapture convert") {
		t.Errorf("a file of lines: %v", err)
	}
}

// TestExpire: old snapshots go, the files stay in the table, and in the archive.
func TestExpire(t *testing.T) {
	r := newRig(t, catalogs()[0])
	p := r.projector(r.catalog)
	p.Keep = 3
	for range 10 {
		r.cut(1, "eu")
	}
	r.once(p)
	r.wantWhole()
	if n := len(r.table().Metadata().Snapshots()); n > 4 {
		t.Errorf("%d snapshots are kept, want 3 or 4", n)
	}
	if gc := r.table().Properties()["gc.enabled"]; gc != "false" {
		t.Errorf("gc.enabled is %q: an engine could delete the archive", gc)
	}
}
