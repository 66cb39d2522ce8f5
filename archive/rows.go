package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxRatio is how many times its size a file may unpack to once it is larger than the limit for all files. gzip cannot reach much more,
// zstd can; what does is a bomb rather than messages.
const maxRatio = 1000

// errBomb is the error of a file that unpacks to more than is sensible.
var errBomb = errors.New("it unpacks to more than is sensible")

// bounded reads what a file unpacks to, within bounds.
type bounded struct {
	plain  io.Reader
	packed *measured
	limit  int64 // that any file may unpack to
	n      int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.plain.Read(p)
	b.n += int64(n)
	if b.n > b.limit && b.n/maxRatio > b.packed.size {
		return 0, fmt.Errorf("%w: over %d bytes from %d", errBomb, b.n, b.packed.size)
	}
	return n, err
}

// errUnfinished is the error of a text file that does not end with a row.
var errUnfinished = errors.New("it ends in the middle of a row")

// pieceSize is a good size of the buffer for countRows.
const pieceSize = 64 << 10

// countRows reads r to its end, by way of buf, and counts the rows where the format is known; else it returns -1. It holds no row in memory.
func countRows(format string, r io.Reader, buf []byte) (int64, error) {
	switch format {
	case formatNDJSON:
		return countLines(r, buf)
	case formatCSV:
		return countRecords(r, buf)
	}
	_, err := io.Copy(io.Discard, r)
	return -1, err
}

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

func countLines(r io.Reader, buf []byte) (n int64, err error) {
	last := byte('\n')
	err = eachPiece(r, buf, func(p []byte) {
		n += int64(bytes.Count(p, []byte{'\n'}))
		if len(p) > 0 {
			last = p[len(p)-1]
		}
	})
	if err == nil && last != '\n' {
		err = errUnfinished
	}
	return n, err
}

// countRecords counts the records of RFC 4180 below the header. A quote within a quoted field is doubled, so that every quote toggles.
func countRecords(r io.Reader, buf []byte) (n int64, err error) {
	quoted, begun := false, false
	err = eachPiece(r, buf, func(p []byte) {
		for _, c := range p {
			switch {
			case c == '"':
				quoted, begun = !quoted, true
			case c == '\n' && !quoted:
				if begun { // an empty line is no record
					n++
				}
				begun = false
			case c != '\r':
				begun = true
			}
		}
	})
	if err == nil && (quoted || begun) {
		err = errUnfinished
	}
	return max(n-1, 0), err
}
