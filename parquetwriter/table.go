package parquetwriter

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// TableWriter writes rows of columns that are known at run time only. A writer belongs to one goroutine, except for
// New.
type TableWriter struct {
	*table
	*encoder
	provenance
}

// table is what TableWriters of the same files share.
type table struct {
	layout  *layout
	columns []Column
}

// NewTableWriter returns a writer of rows of these columns, in this order. It fails if a column is invalid or two have
// the same name; the error names the column.
func NewTableWriter(o Options, columns []Column) (*TableWriter, error) {
	if len(columns) == 0 {
		return nil, fmt.Errorf("parquet: a table needs at least one column")
	}
	nodes := make([]column, len(columns))
	names := make(map[string]string, len(columns))
	ids := fieldIDs(!o.OmitFieldIDs)
	byID := make(map[int]string, len(columns))
	var special columnPaths
	for i, c := range columns {
		if err := c.validate(); err != nil {
			return nil, err
		}
		folded := strings.ToLower(c.Name)
		if other, ok := names[folded]; ok {
			return nil, c.errorf("there is a column %q, too, and most engines take the two for one", other)
		}
		if other, ok := byID[FieldID(c.Name)]; ok && bool(ids) {
			return nil, c.errorf("it has the field id of column %q: give one of the two another name", other)
		}
		names[folded], byID[FieldID(c.Name)] = c.Name, c.Name
		nodes[i] = column{c.Name, ids.of(parquet.Optional(c.node()), c.Name)}
		if !c.bounded() {
			special.noBounds = append(special.noBounds, []string{c.Name})
		}
	}
	l, err := newLayout(ids.version(layoutVersion), parquet.NewSchema("table", newGroup(nodes)), o, special)
	if err != nil {
		return nil, err
	}
	return &TableWriter{table: &table{layout: l, columns: slices.Clone(columns)}}, nil
}

// New returns another writer of the same files, which shares the buffers of files that are done. It may be called from
// any goroutine.
func (w *TableWriter) New() *TableWriter { return &TableWriter{table: w.table} }

// Buffered implements jetcapture.BufferedWriter: rows are kept back.
func (w *TableWriter) Buffered() bool { return true }

// Held implements jetcapture.EagerWriter.
func (w *TableWriter) Held() int64 { return w.table.layout.held() }

// InitNew implements jetcapture.FormattedDataWriter. After Flush it may be called again, for another file.
func (w *TableWriter) InitNew(out io.Writer) error {
	w.encoder, w.provenance = w.table.layout.start(out), provenance{}
	return nil
}

// From says which message the next row is made of, for the metadata of the file. Calling it is optional; if called, it
// must be before Write.
func (w *TableWriter) From(stream string, seq uint64) { w.add(stream, seq) }

// Write writes a row and returns 1. A row has one value for each column. It fails, without a row, if a value cannot be
// stored (see Column.Check). If out fails, this and all further calls fail, and the file is lost.
func (w *TableWriter) Write(row []Value) (int, error) {
	if w.encoder == nil {
		return 0, errNotStarted
	}
	columns := w.table.columns
	if len(row) != len(columns) {
		return 0, fmt.Errorf("parquet: a row of %d values for %d columns", len(row), len(columns))
	}
	for i, v := range row {
		if err := columns[i].Check(v); err != nil {
			return 0, err
		}
	}
	if err := w.beginRow(); err != nil {
		return 0, err
	}
	size := 0
	for i, v := range row {
		size += w.putValue(i, v)
	}
	if err := w.endRow(size); err != nil {
		return 0, err
	}
	return 1, nil
}

func (w *TableWriter) putValue(column int, v Value) (size int) {
	if v.IsNull() {
		w.putOne(column, null(column))
		return 1
	}
	w.putOne(column, present(v.v, column))
	if v.v.Kind() == parquet.ByteArray {
		return len(v.v.ByteArray())
	}
	return 8
}

// Flush ends the file. It fails if out does or if a row was written in part.
func (w *TableWriter) Flush() error {
	if w.encoder == nil {
		return errNotStarted
	}
	e := w.encoder
	w.encoder = nil
	return e.finish(w.metadata()...)
}
