package columnar

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/parquet-go/parquet-go"
)

// rowsAtOnce is how many rows are read at a time.
const rowsAtOnce = 64

// Columns of a file of messages, see docs/FORMATS.md.
const (
	colSequence     = "sequence"
	colTime         = "time"
	colSubject      = "subject"
	colHeaderName   = "headers.key_value.key"
	colHeaderValue  = "headers.key_value.value.list.element"
	colPayload      = "payload"
	colSubjectRaw   = "subject_raw"
	colHeadersRaw   = "headers_raw"
	colRescued      = "_rescued" // may be missing
	colTimeNS       = "time_ns"  // may be missing
	colOther        = ""
	requiredColumns = 8
)

// parquetMessages makes messages of rows.
type parquetMessages struct {
	columns []string // by number
}

func readParquet(file io.ReaderAt, size int64, yield yield) error {
	f, err := parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	m, err := newParquetMessages(f.Schema())
	if err != nil {
		return err
	}
	for _, group := range f.RowGroups() {
		if more, err := m.read(group, yield); err != nil || !more {
			return err
		}
	}
	return nil
}

// newParquetMessages finds the columns.
func newParquetMessages(s *parquet.Schema) (*parquetMessages, error) {
	m := &parquetMessages{}
	found := 0
	for _, path := range s.Columns() {
		name := strings.Join(path, ".")
		switch name {
		case colSequence, colTime, colSubject, colHeaderName, colHeaderValue, colPayload, colSubjectRaw, colHeadersRaw:
			found++
		case colRescued, colTimeNS:
		default:
			name = colOther
		}
		m.columns = append(m.columns, name)
	}
	if found != requiredColumns {
		return nil, fmt.Errorf("it has %d of the %d columns of whole messages", found, requiredColumns)
	}
	return m, nil
}

// read yields the messages of a row group. It returns false if no more is wanted.
func (m *parquetMessages) read(group parquet.RowGroup, yield yield) (more bool, err error) {
	in := group.Rows()
	defer func() { err = errors.Join(err, in.Close()) }()
	left := group.NumRows()
	buf := rowBuffer(int(max(0, min(rowsAtOnce, left))), len(m.columns))
	for left > 0 {
		// The library tries each column again for each row that it does not have: it is never asked for more than there are.
		n, err := in.ReadRows(buf[:min(left, int64(len(buf)))])
		for _, row := range buf[:n] {
			r, err := m.row(row)
			if err != nil || !yield(&r) {
				return false, err
			}
		}
		switch left -= int64(n); {
		case left == 0: // it may say io.EOF
		case errors.Is(err, io.EOF), n == 0 && err == nil:
			return false, io.ErrUnexpectedEOF
		case err != nil:
			return false, err
		}
	}
	return true, nil
}

// rowBuffer returns room for rows of so many columns.
func rowBuffer(rows, columns int) []parquet.Row {
	values := make([]parquet.Value, rows*columns)
	buf := make([]parquet.Row, rows)
	for i := range buf {
		buf[i] = values[i*columns : i*columns : (i+1)*columns]
	}
	return buf
}

// row makes a message of a row. It shares the payload with the row.
func (m *parquetMessages) row(row parquet.Row) (r archive.Row, err error) {
	var names []string
	var values [][]string
	r.Rounded = true
	for _, v := range row {
		if v.Column() < 0 || v.Column() >= len(m.columns) {
			return r, fmt.Errorf("a value of column %d, of %d", v.Column(), len(m.columns))
		}
		switch column := m.columns[v.Column()]; {
		case column == colHeaderName && v.DefinitionLevel() > 0:
			names = append(names, v.String())
		case column == colHeaderValue && v.DefinitionLevel() > 0:
			values = appendValue(values, v)
		case !v.IsNull():
			set(&r, column, v)
		}
	}
	if len(names) != len(values) {
		return r, fmt.Errorf("stream sequence %d has a header of %d names, and values of %d", r.Seq, len(names), len(values))
	}
	if len(names) > 0 {
		r.Header = make(map[string][]string, len(names))
	}
	for i, name := range names {
		r.Header[name] = values[i]
	}
	return r, nil
}

// appendValue appends a value of the header, of the same name as the one before or of the next name. A name may have
// none.
func appendValue(values [][]string, v parquet.Value) [][]string {
	if v.RepetitionLevel() < 2 || len(values) == 0 {
		values = append(values, []string{})
	}
	if v.DefinitionLevel() == 2 {
		last := &values[len(values)-1]
		*last = append(*last, v.String())
	}
	return values
}

// set sets what a column says.
func set(r *archive.Row, column string, v parquet.Value) {
	switch column {
	case colSequence:
		r.Seq = uint64(v.Int64())
	case colTime:
		if r.Time.IsZero() { // time_ns says more
			r.Time = time.UnixMicro(v.Int64()).UTC()
		}
	case colTimeNS:
		r.Time, r.Rounded = time.Unix(0, v.Int64()).UTC(), false
	case colSubject:
		if r.Subject == "" {
			r.Subject = v.String()
		}
	case colSubjectRaw:
		r.Subject = string(v.ByteArray())
	case colHeadersRaw:
		r.HeaderRaw = v.ByteArray()
	case colPayload, colRescued:
		r.Data = v.ByteArray()
	}
}
