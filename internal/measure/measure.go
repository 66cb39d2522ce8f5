// Package measure counts and hashes what passes through a reader.
package measure

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

// Reader counts and hashes what is read through it. It keeps the error of the reader below apart from what a decoder
// above makes of it.
//
// It belongs to one goroutine.
type Reader struct {
	r    io.Reader
	hash hash.Hash
	size int64
	err  error
}

// NewReader measures r.
func NewReader(r io.Reader) *Reader { return &Reader{r: r, hash: sha256.New()} }

// Read implements io.Reader.
func (m *Reader) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.size += int64(n)
	m.hash.Write(p[:n]) // never fails, see hash.Hash
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = err
	}
	return n, err
}

// Drain reads to the end, so that size and sum are those of the whole.
func (m *Reader) Drain() error {
	_, err := io.Copy(io.Discard, m)
	return err
}

// Size is how many bytes were read.
func (m *Reader) Size() int64 { return m.size }

// SHA256 is the sum of what was read, in lower-case hexadecimal.
func (m *Reader) SHA256() string { return hex.EncodeToString(m.hash.Sum(nil)) }

// Err is the last error of the reader below; io.EOF does not count.
func (m *Reader) Err() error { return m.err }
