package archive_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
)

// wholeRows reads the builder's files as if they held whole messages: the rows say their sequences.
func wholeRows(file io.ReaderAt, size int64) iter.Seq2[*archive.Row, error] {
	return func(yield func(*archive.Row, error) bool) {
		text, err := io.ReadAll(io.NewSectionReader(file, 0, size))
		for line := range strings.FieldsSeq(string(text)) {
			r := archive.Row{Message: archive.Message{Subject: "s", Time: window, Data: []byte(line)}}
			if _, scanErr := fmt.Sscan(line, &r.Seq); scanErr != nil {
				err = scanErr
			}
			if !yield(&r, err) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// packedCut makes a cut of two files of a packed format.
func packedCut(t *testing.T) (*builder, string) {
	b := build(t, 0)
	p := b.next(map[string][]uint64{"a": {1, 3}, "b": {2, 5}})
	p.Settings["x_format"], p.Settings["x_record"], p.Settings["compression"] = "parquet", "message", "none"
	b.plan(p)
	b.o[p.Blocks[0].Path()], b.o[p.Blocks[1].Path()] = []byte("1 3"), []byte("2 5")
	b.done(nil)
	return b, p.Blocks[0].Path()
}

func TestFilesOfPackedFormats(t *testing.T) {
	b, first := packedCut(t)
	o := archive.ReadOptions{
		Formats: map[string]archive.RowsFunc{"parquet": wholeRows}, TempDir: t.TempDir(),
	}
	wantItems(t, b.o.bucket(t), o, "1 1", "2 2", "3 3", "4-4 absent", "5 5")
	o.After = 2
	wantItems(t, b.o.bucket(t), o, "3 3", "4-4 absent", "5 5")
	o.From = window.Add(time.Second)
	wantItems(t, b.o.bucket(t), o, "4-4 absent")

	_, err := items(t, b.o.bucket(t), archive.ReadOptions{})
	if no := (*archive.NotWholeError)(nil); !errors.As(err, &no) || no.Format != "parquet" {
		t.Errorf("without a reader: %v", err)
	}
	for what, data := range map[string]string{"other bytes": "1 4", "not a number": "1 x", "a row less": "1"} {
		b.o[first] = []byte(data)
		_, err := items(t, b.o.bucket(t), archive.ReadOptions{Formats: o.Formats})
		if file := (*archive.FileError)(nil); !errors.As(err, &file) || file.Object != first {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A time that no server can have written does not become another one.
func TestTimesThatDoNotFit(t *testing.T) {
	b, _ := packedCut(t)
	far := func(file io.ReaderAt, size int64) iter.Seq2[*archive.Row, error] {
		return func(yield func(*archive.Row, error) bool) {
			for r, err := range wholeRows(file, size) {
				if err != nil {
					t.Error(err)
				}
				r.Time = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
				if !yield(r, nil) {
					return
				}
			}
		}
	}
	_, err := items(t, b.o.bucket(t), archive.ReadOptions{Formats: map[string]archive.RowsFunc{"parquet": far}})
	if err == nil || !strings.Contains(err.Error(), "is no message of a stream") {
		t.Error(err)
	}
}
