package jetcapture

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"sync"
)

// CSVWriter writes payloads as rows of comma-separated values below a header row (RFC 4180, but rows end in a line
// feed, as in encoding/csv). Make it with NewCSVWriter. It holds no buffer between calls, so very many blocks can be
// open.
type CSVWriter[P Payload] struct {
	header  []string
	flatten func(payload P) ([][]string, error)
	out     io.Writer
}

// NewCSVWriter returns a *CSVWriter. The header is the first row of each file; if it is nil, there is none. flattenFn
// makes the rows of a payload, of which there may be none. Each row must have as many fields as the header, since most
// readers refuse other files. A wrong number of fields or an error of flattenFn makes the message poison. flattenFn is
// called by the goroutine that calls Write.
func NewCSVWriter[P Payload](
	header []string,
	flattenFn func(payload P) ([][]string, error),
) FormattedDataWriter[P] {
	return &CSVWriter[P]{header: header, flatten: flattenFn}
}

// InitNew implements FormattedDataWriter. It writes the header row, if there is one.
func (c *CSVWriter[P]) InitNew(out io.Writer) error {
	c.out = out
	if len(c.header) == 0 {
		return nil
	}
	return c.writeRows([][]string{c.header})
}

// Write writes the rows of one payload and returns their number. After an error it has written nothing, unless the
// error came from the io.Writer.
func (c *CSVWriter[P]) Write(m P) (int, error) {
	rows, err := c.flatten(m)
	if err != nil {
		return 0, fmt.Errorf("flatten %T into CSV rows: %w", m, err)
	}
	for i, row := range rows {
		if err := c.checkWidth(row); err != nil {
			return 0, fmt.Errorf("row %d of %d of %T: %w", i+1, len(rows), m, err)
		}
	}
	if err := c.writeRows(rows); err != nil {
		return 0, err
	}
	return len(rows), nil
}

// Flush implements FormattedDataWriter. There is nothing to flush.
func (c *CSVWriter[P]) Flush() error { return nil }

func (c *CSVWriter[P]) checkWidth(row []string) error {
	switch {
	case len(row) == 0:
		return fmt.Errorf("no field: a CSV row needs at least one")
	case len(c.header) > 0 && len(row) != len(c.header):
		return fmt.Errorf("%d fields, but the header has %d", len(row), len(c.header))
	}
	return nil
}

// writeRows hands all rows to out in one call.
func (c *CSVWriter[P]) writeRows(rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	e := csvEncoders.Get().(*csvEncoder)
	defer e.release()
	for _, row := range rows {
		if err := e.encode(row); err != nil {
			return err
		}
	}
	_, err := c.out.Write(e.buf.Bytes())
	return err
}

// csvEncoder is a csv.Writer, which has a buffer of 4 KiB, and the buffer below it.
type csvEncoder struct {
	buf bytes.Buffer
	w   *csv.Writer
}

// csvEncoders are shared by the writers of all blocks.
var csvEncoders = sync.Pool{New: func() any {
	e := new(csvEncoder)
	e.w = csv.NewWriter(&e.buf)
	return e
}}

func (e *csvEncoder) encode(row []string) error {
	if len(row) == 1 && row[0] == "" {
		// encoding/csv would write an empty line, which readers skip, even its own.
		e.buf.WriteString("\"\"\n")
		return nil
	}
	if err := e.w.Write(row); err != nil {
		return err
	}
	e.w.Flush()
	return e.w.Error()
}

func (e *csvEncoder) release() {
	// A csv.Writer that failed would still hold part of a row, so it is not used again. A bytes.Buffer never fails.
	if e.w.Error() != nil || e.buf.Cap() > maxPooledBuffer {
		return
	}
	e.buf.Reset()
	csvEncoders.Put(e)
}
