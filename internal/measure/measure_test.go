package measure_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jetcapture/jetcapture/internal/measure"
)

func TestReader(t *testing.T) {
	m := measure.NewReader(strings.NewReader("abc"))
	if _, err := io.ReadFull(m, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := m.Drain(); err != nil {
		t.Fatal(err)
	}
	if m.Size() != 3 {
		t.Errorf("size %d, want 3", m.Size())
	}
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, B.1
	if m.SHA256() != sum {
		t.Errorf("sum %s, want %s", m.SHA256(), sum)
	}
	if m.Err() != nil {
		t.Errorf("error %v, want none", m.Err())
	}
}

func TestReaderKeepsTheErrorBelow(t *testing.T) {
	boom := errors.New("boom")
	m := measure.NewReader(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(boom)))
	if err := m.Drain(); !errors.Is(err, boom) {
		t.Errorf("Drain: %v, want %v", err, boom)
	}
	if !errors.Is(m.Err(), boom) {
		t.Errorf("Err: %v, want %v", m.Err(), boom)
	}
}
