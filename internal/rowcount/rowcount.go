// Package rowcount counts the rows of a file that is read as a stream, in bounded memory. A redo that finds a planned
// file, and a verification, compare the number with the plan. The package knows the formats by their layout only, and
// uses none of the libraries that write them.
package rowcount

import (
	"bytes"
	"errors"
	"io"
)

// The formats, as the plans of the command name them.
const (
	NDJSON  = "ndjson"
	CSV     = "csv"
	Raw     = "raw"
	Parquet = "parquet"
	Avro    = "avro"
)

// Unknown is the number of rows of a format that is not known, and of a Parquet file with a footer of unusual size.
const Unknown = -1

// Knows reports whether the rows of files of a format are counted.
func Knows(format string) bool {
	switch format {
	case NDJSON, CSV, Raw, Parquet, Avro:
		return true
	}
	return false
}

// BufferSize is a good size of the buffer for Count.
const BufferSize = 64 << 10

// ErrUnfinished is the error of a file that does not end with a whole row.
var ErrUnfinished = errors.New("it ends in the middle of a row")

// Layout is what must be known of a file to count its rows.
type Layout struct {
	Format   string
	NoHeader bool // a CSV file without a header
}

// Count reads r to its end, by way of buf, and returns the number of its rows, or Unknown. An error says that r cannot
// be read, or is no whole file of its format.
func (l Layout) Count(r io.Reader, buf []byte) (int64, error) {
	switch l.Format {
	case NDJSON:
		return countLines(r, buf)
	case CSV:
		n, err := countRecords(r, buf)
		if !l.NoHeader {
			n = max(n-1, 0)
		}
		return n, err
	case Raw:
		return countRaw(r, buf)
	case Parquet:
		return countParquet(r, buf)
	case Avro:
		return countAvro(r, buf)
	}
	_, err := io.CopyBuffer(io.Discard, onlyReader{r}, buf)
	return Unknown, err
}

// onlyReader hides a reader's WriteTo, so that io.CopyBuffer uses the buffer.
type onlyReader struct{ io.Reader }

// eachPiece calls f with one piece of r after the other.
func eachPiece(r io.Reader, buf []byte, f func([]byte)) error {
	for {
		n, err := r.Read(buf)
		f(buf[:n])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// countLines counts the line feeds. The last line must end in one.
func countLines(r io.Reader, buf []byte) (n int64, err error) {
	last := byte('\n')
	err = eachPiece(r, buf, func(p []byte) {
		n += int64(bytes.Count(p, []byte{'\n'}))
		if len(p) > 0 {
			last = p[len(p)-1]
		}
	})
	if err == nil && last != '\n' {
		err = ErrUnfinished
	}
	return n, err
}

// countRecords counts the records of RFC 4180, the header among them. A quote within a quoted field is doubled, so that
// every quote toggles.
func countRecords(r io.Reader, buf []byte) (n int64, err error) {
	quoted, begun := false, false
	err = eachPiece(r, buf, func(p []byte) {
		for _, c := range p {
			switch {
			case c == '"':
				quoted, begun = !quoted, true
			case c == '\n' && !quoted:
				if begun { // an empty line is not a record
					n++
				}
				begun = false
			case c != '\r':
				begun = true
			}
		}
	})
	if err == nil && (quoted || begun) {
		err = ErrUnfinished
	}
	return n, err
}
