package jetcapture

import (
	"context"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// filing counts the files of each directory, which stands for a key and a window.
type filing struct {
	scripted
	t     *testing.T
	to    uint64
	files map[string]int
}

func (f *filing) Commit(_ context.Context, s *capture.Sealed) (capture.Committed, error) {
	if s.Cut.From != f.to {
		f.t.Errorf("a cut begins after %d, the one before ended at %d", s.Cut.From, f.to)
	}
	f.to = s.Cut.Through
	for _, b := range s.Cut.Blocks {
		f.files[b.Dir]++
	}
	return capture.Committed{}, nil
}

func (f *filing) Open(context.Context) (capture.Opened, error) {
	return capture.Opened{Reading: f, Last: f.n}, nil
}
func (*filing) Diverged(*reader.DivergedError) {}
func (f *filing) Close(context.Context) error  { return nil }

// filed is the promise of a filing, whose own Close is that of a reading.
type filed struct{ *filing }

func (filed) Close() error { return nil }

// TestBackfillOfManyKeys has fewer windows than keys, and then a window for each message or two.
func TestBackfillOfManyKeys(t *testing.T) {
	for _, c := range []struct {
		name     string
		messages uint64
		keys     int
		apart    time.Duration
		files    int
	}{
		{"4 windows of 500 keys", 100_000, 500, 4 * time.Hour / 100_000, 2000},
		{"a window for each message", 20_000, 3, time.Hour, 20_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &filing{t: t, files: map[string]int{}, scripted: scripted{
				n: c.messages, subjects: subjects(c.keys), payload: []byte("{}"), apart: int64(c.apart),
			}}
			if err := scriptedRun(t, Zstd).Live(t.Context(), filed{f}); err != nil {
				t.Fatal(err)
			}
			if f.to != c.messages || len(f.files) != c.files {
				t.Errorf("%d directories up to %d, want %d up to %d", len(f.files), f.to, c.files, c.messages)
			}
			for dir, n := range f.files {
				if n != 1 {
					t.Errorf("%d files in %s, want 1", n, dir)
				}
			}
		})
	}
}
