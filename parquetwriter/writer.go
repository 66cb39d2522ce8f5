package parquetwriter

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// Writer writes rows of a Go struct by its tags, see https://pkg.go.dev/github.com/parquet-go/parquet-go#SchemaOf. Give
// times the tag timestamp(microsecond): most engines cannot read nanoseconds, which are parquet-go's default. A writer
// belongs to one goroutine, except for New.
type Writer[P any] struct {
	layout *layout
	check  textCheck
	*encoder
	typed *parquet.GenericWriter[P]
	row   [1]P
}

// NewParquetWriter returns a writer of rows of P, a struct or a pointer to one. It fails if P has no columns, a tag
// that parquet-go does not know, or two columns with the same name, or if the options are wrong.
func NewParquetWriter[P any](o Options) (w *Writer[P], err error) {
	t := reflect.TypeFor[P]()
	structure := t
	if t.Kind() == reflect.Pointer {
		structure = t.Elem()
	}
	if structure.Kind() != reflect.Struct {
		return nil, fmt.Errorf("parquet: rows of %s: only structs and pointers to them have columns", t)
	}
	check, err := textCheckOf(t, nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil { // parquet-go panics over wrong tags
			w, err = nil, fmt.Errorf("parquet: schema of %s: %v", t, r)
		}
	}()
	schema := parquet.SchemaOf(reflect.New(structure).Interface())
	if err := uniqueColumns(schema); err != nil {
		return nil, fmt.Errorf("parquet: schema of %s: %w", t, err)
	}
	l, err := newLayout(layoutVersion, schema, o, columnPaths{})
	if err != nil {
		return nil, err
	}
	l.newFile = func(out io.Writer, config *parquet.WriterConfig) file {
		return parquet.NewGenericWriter[P](out, config)
	}
	return &Writer[P]{layout: l, check: check}, nil
}

// uniqueColumns checks what parquet-go would check only with the first row.
func uniqueColumns(schema *parquet.Schema) error {
	paths := schema.Columns()
	if len(paths) == 0 {
		return errors.New("it has no columns")
	}
	seen := make(map[string]bool, len(paths))
	for _, path := range paths {
		name := strings.Join(path, ".")
		if seen[name] {
			return fmt.Errorf("two columns are named %s", name)
		}
		seen[name] = true
	}
	return nil
}

// New returns another writer of the same files, which shares the buffers of files that are done. It may be called from
// any goroutine.
func (w *Writer[P]) New() *Writer[P] { return &Writer[P]{layout: w.layout, check: w.check} }

// Buffered implements jetcapture.BufferedWriter: rows are kept back.
func (w *Writer[P]) Buffered() bool { return true }

// InitNew implements jetcapture.FormattedDataWriter. After Flush it may be called again, for another file.
func (w *Writer[P]) InitNew(out io.Writer) error {
	w.encoder = w.layout.start(out)
	w.typed = w.encoder.file.(*parquet.GenericWriter[P])
	return nil
}

// Write writes a row and returns 1. It fails, without a row, if the payload is a nil pointer, if text in it is not
// valid UTF-8, for which readers would refuse the whole file, or if text is not a UUID where a tag says so. If
// parquet-go panics over the payload or out fails, this and all further calls fail, and the file is lost.
func (w *Writer[P]) Write(payload P) (rows int, err error) {
	if w.encoder == nil {
		return 0, errNotStarted
	}
	if w.err != nil {
		return 0, w.err
	}
	if err := w.check.row(reflect.ValueOf(&payload).Elem()); err != nil {
		return 0, err
	}
	defer func() {
		if r := recover(); r != nil {
			w.err = fmt.Errorf("parquet: write a row of %T: %v", payload, r)
			rows, err = 0, w.err
		}
	}()
	w.row[0] = payload
	defer clear(w.row[:])
	before := w.file.Size()
	if _, err := w.typed.Write(w.row[:]); err != nil {
		w.err = fmt.Errorf("parquet: write a row of %T: %w", payload, err)
		return 0, w.err
	}
	if err := w.endRow(int(max(0, w.file.Size()-before))); err != nil {
		return 0, err
	}
	return 1, nil
}

// Flush ends the file. It fails if out does or if a row was written in part.
func (w *Writer[P]) Flush() error {
	if w.encoder == nil {
		return errNotStarted
	}
	e := w.encoder
	w.encoder, w.typed = nil, nil
	return e.finish()
}
