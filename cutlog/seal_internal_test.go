package cutlog

import (
	"errors"
	"io"
	"testing"
)

func TestSealWriterStopsAtMaxRecord(t *testing.T) {
	s := newSealWriter(io.Discard)
	s.size = MaxRecord - sealSize - 2
	if _, err := s.Write([]byte("ab")); err != nil {
		t.Errorf("write up to the limit: %v", err)
	}
	if _, err := s.Write([]byte("c")); !errors.Is(err, errTooLarge) {
		t.Errorf("write over the limit: %v, want %v", err, errTooLarge)
	}
}
