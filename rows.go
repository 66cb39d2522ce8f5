package jetcapture

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
)

// countRows reads r to its end and counts the rows of the formats that it knows; it returns -1 for any other.
func countRows(format string, r io.Reader) (int64, error) {
	switch format {
	case "ndjson":
		return countLines(r)
	case "csv":
		return countRecords(r)
	}
	_, err := io.Copy(io.Discard, r)
	return -1, err
}

func countLines(r io.Reader) (n int64, err error) {
	buf := make([]byte, 64<<10)
	for {
		m, err := r.Read(buf)
		n += int64(bytes.Count(buf[:m], []byte{'\n'}))
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// countRecords counts CSV records below the header.
func countRecords(r io.Reader) (n int64, err error) {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	c.FieldsPerRecord = -1
	for n = -1; ; n++ {
		if _, err := c.Read(); errors.Is(err, io.EOF) {
			return max(n, 0), nil
		} else if err != nil {
			return n, err
		}
	}
}
