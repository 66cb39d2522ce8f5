package parquetwriter

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/parquet-go/parquet-go"
)

const (
	// Versions of layouts go up with every change of the bytes that are written for the same rows. messagesVersion is
	// that of messages with the column time_ns, fieldIDsVersion that of messages and tables with field ids.
	layoutVersion   = "parquetwriter/1"
	messagesVersion = "parquetwriter/2"
	fieldIDsVersion = "parquetwriter/3"
	// maxDictionary is the size at which the dictionary of a column in a row group ends, because there are too many
	// distinct values.
	maxDictionary = 1 << 20
	// A page holds at most maxPage bytes of a column, and less if there are many columns: all open pages together take
	// openPages.
	maxPage, minPage, openPages = 256 << 10, 16 << 10, 16 << 20
	// bloomBits for each value give one false positive in about a hundred.
	bloomBits = 10
)

var (
	errNotStarted = errors.New("parquet: InitNew must come first")
	errTorn       = errors.New("parquet: a row was written in part: the file is lost")
)

// file is a parquet.GenericWriter, whatever its type parameter.
type file interface {
	Reset(out io.Writer)
	ColumnWriters() []*parquet.ColumnWriter
	SetKeyValueMetadata(key, value string)
	File() parquet.FileView
	Size() int64
	Flush() error
	Close() error
}

// layout is what all files of a writer have in common. The writers that New returns share it, in any goroutines. Only
// the pool changes.
type layout struct {
	schema   *parquet.Schema
	config   *parquet.WriterConfig
	rows     int64
	bytes    int64
	newFile  func(out io.Writer, config *parquet.WriterConfig) file
	encoders sync.Pool
}

// held returns about how many bytes an encoder holds while its pages have scratch room: for each column a page that
// fills up, and the first pages.
func (l *layout) held() int64 {
	n := len(l.schema.Columns())
	return int64(n) * int64(pageSize(n)+pageHead)
}

// columnPaths are the paths of columns that need special treatment.
type columnPaths struct {
	bloom    [][]string
	noBounds [][]string // smallest and largest value are of no use, and may be long
}

// newLayout validates everything, so that start cannot fail.
func newLayout(version string, schema *parquet.Schema, o Options, special columnPaths) (*layout, error) {
	o, err := o.validate()
	if err != nil {
		return nil, err
	}
	codec, err := o.codec()
	if err != nil {
		return nil, err
	}
	bloom, err := bloomFilters(schema, special.bloom, o.BloomFilters)
	if err != nil {
		return nil, err
	}
	options := []parquet.WriterOption{
		schema,
		parquet.Compression(codec),
		parquet.CreatedBy("jetcapture", "1", version),
		parquet.DataPageVersion(1),
		parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.Plain), // what every reader knows
		parquet.DataPageStatistics(false),                             // the column index has them, cut to a sane length
		parquet.DictionaryMaxBytes(maxDictionary),
		parquet.PageBufferSize(pageSize(len(schema.Columns()))),
		parquet.BloomFilters(bloom...),
		parquet.KeyValueMetadata(MetaWriter, version),
		parquet.KeyValueMetadata(MetaSchema, fingerprint(schema)),
	}
	for _, path := range special.noBounds {
		options = append(options, parquet.SkipPageBounds(path...))
	}
	for key, value := range o.Metadata {
		options = append(options, parquet.KeyValueMetadata(key, value)) // parquet-go sorts them
	}
	config, err := parquet.NewWriterConfig(options...)
	if err != nil {
		return nil, fmt.Errorf("parquet: %w", err)
	}
	l := &layout{schema: schema, config: config, rows: o.RowGroupRows, bytes: o.RowGroupBytes}
	l.newFile = func(out io.Writer, config *parquet.WriterConfig) file {
		return parquet.NewGenericWriter[any](out, config)
	}
	return l, nil
}

func pageSize(columns int) int { return max(minPage, min(maxPage, openPages/max(1, columns))) }

// fingerprint tells schemas apart. It is of the schema's text, so that a change of a name, type, order or annotation
// changes it.
func fingerprint(schema *parquet.Schema) string {
	sum := sha256.Sum256([]byte(schema.String()))
	return hex.EncodeToString(sum[:8])
}

func bloomFilters(schema *parquet.Schema, own [][]string, names []string) ([]parquet.BloomFilterColumn, error) {
	known := map[string][]string{}
	for _, path := range schema.Columns() {
		known[strings.Join(path, ".")] = path
	}
	seen := map[string]bool{}
	for _, path := range own {
		names = append(slices.Clip(names), strings.Join(path, "."))
	}
	var filters []parquet.BloomFilterColumn
	for _, name := range names {
		path, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("parquet: Bloom filter of %q: there is no such column", name)
		}
		leaf, _ := schema.Lookup(path...)
		if leaf.Node.Type().Kind() == parquet.Boolean {
			return nil, fmt.Errorf("parquet: Bloom filter of %q: Parquet has none of booleans", name)
		}
		if !seen[name] {
			filters = append(filters, parquet.SplitBlockFilter(bloomBits, path...))
		}
		seen[name] = true
	}
	return filters, nil
}

// encoder writes one file after the other: its buffers, about a megabyte, outlive them.
type encoder struct {
	*layout
	file    file
	columns []*parquet.ColumnWriter
	pages   pagePool
	inGroup struct{ rows, bytes int64 }
	inRow   bool
	one     [1]parquet.Value
	err     error // a row is in some columns only: the file is lost
}

// start takes an encoder from the pool or makes one.
func (l *layout) start(out io.Writer) *encoder {
	e, ok := l.encoders.Get().(*encoder)
	if ok {
		e.file.Reset(out)
	} else {
		e = &encoder{layout: l}
		config := *l.config
		config.ColumnPageBuffers = &e.pages
		e.file = l.newFile(out, &config)
		e.columns = e.file.ColumnWriters()
	}
	e.pages.lend(out)
	e.inGroup.rows, e.inGroup.bytes, e.inRow, e.err = 0, 0, false, nil
	return e
}

// whole returns why the file is lost. An unfinished row means that a panic in it was recovered: the columns do not fit
// together.
func (e *encoder) whole() error {
	if e.inRow && e.err == nil {
		e.err = errTorn
	}
	return e.err
}

// beginRow comes before the first put of a row.
func (e *encoder) beginRow() error {
	err := e.whole()
	e.inRow = true
	return err
}

// put appends the values of one row to a column. parquet-go copies them.
func (e *encoder) put(column int, values []parquet.Value) {
	if e.err != nil {
		return
	}
	if _, err := e.columns[column].WriteRowValues(values); err != nil {
		e.err = fmt.Errorf("parquet: write column %s: %w", strings.Join(e.schema.Columns()[column], "."), err)
	}
}

// putOne appends the value of one row to a column.
func (e *encoder) putOne(column int, value parquet.Value) {
	e.one[0] = value
	e.put(column, e.one[:])
}

// endRow ends a row of size bytes, and the row group if that is large enough.
func (e *encoder) endRow(size int) error {
	e.inRow = false
	if e.err != nil {
		return e.err
	}
	e.inGroup.rows++
	e.inGroup.bytes += int64(size)
	if e.inGroup.rows < e.rows && e.inGroup.bytes < e.bytes {
		return nil
	}
	e.inGroup.rows, e.inGroup.bytes = 0, 0
	if err := e.file.Flush(); err != nil {
		e.err = fmt.Errorf("parquet: write a row group: %w", err)
	}
	return e.err
}

// finish writes the end of the file and gives back the buffers. The metadata must have the same keys in each file of a
// layout, because a parquet-go writer can overwrite a key but not remove it.
func (e *encoder) finish(metadata ...[2]string) error {
	if err := e.whole(); err != nil {
		e.file.Reset(io.Discard) // gives back the scratch room
		return err
	}
	for _, kv := range metadata {
		e.file.SetKeyValueMetadata(kv[0], kv[1])
	}
	if err := e.file.Close(); err != nil {
		e.file.Reset(io.Discard)
		return fmt.Errorf("parquet: end the file: %w", err)
	}
	e.forget()
	e.encoders.Put(e)
	return nil
}

// forget drops what the encoder still holds of its file.
func (e *encoder) forget() {
	// Reset overwrites the metadata of the file, and with it the paths of the columns, which it shares with those of the
	// next file (https://github.com/parquet-go/parquet-go/issues/602).
	for _, group := range e.file.File().Metadata().RowGroups {
		clear(group.Columns)
	}
	e.file.Reset(io.Discard)
	e.pages.out = nil
	e.one[0] = parquet.Value{}
}
