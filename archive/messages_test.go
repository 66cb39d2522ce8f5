package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

// items reads all items of the capture S and describes each on a line.
func items(t testing.TB, b bucket.Bucket, o archive.ReadOptions) (lines []string, err error) {
	t.Helper()
	c, err := archive.Open(b).Capture("S")
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range c.Messages(t.Context(), o) {
		if err != nil {
			return lines, err
		}
		if i.IsMessage() {
			lines = append(lines, fmt.Sprintf("%d %s", i.Seq, i.Data))
			continue
		}
		lines = append(lines, fmt.Sprintf("%d-%d %s", i.Seq, i.Last, i.Fate))
	}
	return lines, nil
}

func wantItems(t testing.TB, b bucket.Bucket, o archive.ReadOptions, want ...string) {
	t.Helper()
	got, err := items(t, b, o)
	if err != nil {
		t.Errorf("%+v: %v", o, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v:\n got %q\nwant %q", o, got, want)
	}
}

// The builder's rows are payloads that say their sequence.
var payloads = archive.ReadOptions{Partial: true}

func TestMessagesComeInTheOrderOfTheStream(t *testing.T) {
	b := build(t, 0)
	b.cut(map[string][]uint64{"a": {1, 4}, "b": {2, 5}})
	b.cut(map[string][]uint64{"b": {7}, "c": {6, 9}})
	wantItems(t, b.o.bucket(t), payloads,
		"1 1", "2 2", "3-3 absent", "4 4", "5 5", "6 6", "7 7", "8-8 absent", "9 9")
	for after := range uint64(10) {
		for through := after + 1; through < 10; through++ {
			o := archive.ReadOptions{Partial: true, After: after, Through: through}
			var want []string
			for seq := after + 1; seq <= through; seq++ {
				if seq == 3 || seq == 8 {
					want = append(want, fmt.Sprintf("%d-%d absent", seq, seq))
				} else {
					want = append(want, fmt.Sprintf("%d %d", seq, seq))
				}
			}
			wantItems(t, b.o.bucket(t), o, want...)
		}
	}
	wantItems(t, b.o.bucket(t), archive.ReadOptions{Partial: true, Key: []string{"b"}},
		"2 2", "3-3 absent", "5 5", "7 7", "8-8 absent")
	wantItems(t, b.o.bucket(t), archive.ReadOptions{Partial: true, From: window.Add(time.Hour)},
		"3-3 absent", "8-8 absent")
}

// What cannot be told, and what is not finished, is not handed out.
func TestMessagesThatAreNotThere(t *testing.T) {
	b := build(t, 10)
	p := b.next(map[string][]uint64{"a": {11, 13}, "b": {12}})
	b.plan(p)
	for _, block := range p.Blocks {
		if string(block.Key[0]) == "a" {
			b.file(block, cutlog.SeqSet{})
		}
	}
	b.lose(1, map[int][]uint64{1: {12}})
	b.done(nil)
	wantItems(t, b.o.bucket(t), payloads, "11 11", "12-12 lost", "13 13")

	unfinished := b.next(map[string][]uint64{"a": {14}})
	b.plan(unfinished)
	b.files()
	wantItems(t, b.o.bucket(t), payloads, "11 11", "12-12 lost", "13 13")
	wantItems(t, build(t, 0).o.bucket(t), payloads)
	wantItems(t, bucket.NewMem(), payloads)
}

func TestPayloadsAreNotWholeMessages(t *testing.T) {
	b := build(t, 0)
	b.cut(map[string][]uint64{"a": {1}})
	for _, o := range []archive.ReadOptions{{}, {Partial: true, Subjects: []string{"orders.*"}}} {
		_, err := items(t, b.o.bucket(t), o)
		if no := (*archive.NotWholeError)(nil); !errors.As(err, &no) || no.Record != "payload" || no.Cut != 2 {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestDamagedFilesAreNoticed(t *testing.T) {
	for what, damage := range map[string]func(o objects, name string){
		"another size": func(o objects, name string) { o[name] = gzipped([]byte("1\n3\n5\n")) },
		"cut off":      func(o objects, name string) { o[name] = o[name][:len(o[name])-9] },
		"a row more":   func(o objects, name string) { o[name] = gzipped([]byte("1\n3\n4\n")) },
		"a row less":   func(o objects, name string) { o[name] = gzipped([]byte("1\n")) },
		"not there":    func(o objects, name string) { delete(o, name) },
		"altered":      func(o objects, name string) { o[name] = gzipped([]byte("8\n3\n")) },
		"another codec": func(o objects, name string) {
			o[name] = []byte("1\n3\n")
		},
	} {
		b := build(t, 0)
		p := b.cut(map[string][]uint64{"a": {1, 3}, "b": {2, 4}})
		damage(b.o, p.Blocks[0].Path())
		_, err := items(t, b.o.bucket(t), payloads)
		if file := (*archive.FileError)(nil); !errors.As(err, &file) || file.Object != p.Blocks[0].Path() || file.Cut != 2 {
			t.Errorf("%s: %v", what, err)
		}
		told := 0
		o := archive.ReadOptions{Partial: true, Damaged: func(*archive.FileError) error { told++; return nil }}
		got, err := items(t, b.o.bucket(t), o)
		if want := []string{"1-1 damaged", "2 2", "3-3 damaged", "4 4"}; err != nil || told != 1 || !slices.Equal(got, want) {
			t.Errorf("%s: %q, asked %d times, %v", what, got, told, err)
		}
	}
}

// A range that ends in the middle of a file is no reason to trust the file.
func TestARangeChecksItsFiles(t *testing.T) {
	b := build(t, 0)
	p := b.cut(map[string][]uint64{"a": {1, 3, 5}, "b": {2, 4}})
	b.o[p.Blocks[0].Path()] = gzipped([]byte("8\n3\n5\n"))
	for through := range uint64(6) {
		got, err := items(t, b.o.bucket(t), archive.ReadOptions{Partial: true, Through: through})
		if file := (*archive.FileError)(nil); !errors.As(err, &file) || file.Object != p.Blocks[0].Path() {
			t.Errorf("through %d: %q, %v", through, got, err)
		}
	}
	wantItems(t, b.o.bucket(t), archive.ReadOptions{Partial: true, After: 1, Through: 2}, "2 2")
}

// TestEnoughChecksItsFiles: a reader that stops early has read only messages that are as they were stored.
func TestEnoughChecksItsFiles(t *testing.T) {
	b := build(t, 0)
	p := b.cut(map[string][]uint64{"a": {1, 3, 5}, "b": {2, 4}, "c": {6}})
	seen := 0
	o := archive.ReadOptions{Partial: true, Enough: func() bool { seen++; return seen == 2 }}
	wantItems(t, b.o.bucket(t), o, "1 1", "2 2")
	for i, damaged := range map[int]bool{0: true, 1: true, 2: false} {
		b.o.flip(p.Blocks[i].Path())
		seen = 0
		_, err := items(t, b.o.bucket(t), o)
		if file := (*archive.FileError)(nil); errors.As(err, &file) != damaged {
			t.Errorf("file %d: %v", i, err)
		}
		b.o.flip(p.Blocks[i].Path())
	}
}

func TestCutsOfVeryManyFiles(t *testing.T) {
	b := build(t, 0)
	const keys, each = 300, 5
	blocks := map[string][]uint64{}
	var want []string
	for seq := uint64(1); seq <= keys*each; seq++ {
		key := fmt.Sprint("k", seq*7919%keys)
		blocks[key] = append(blocks[key], seq)
		want = append(want, fmt.Sprintf("%d %d", seq, seq))
	}
	p := b.cut(blocks)
	wantItems(t, b.o.bucket(t), payloads, want...)
	wantItems(t, b.o.bucket(t), archive.ReadOptions{Partial: true, After: 700, Through: 702}, "701 701", "702 702")
	b.o.flip(p.Blocks[17].Path())
	_, err := items(t, b.o.bucket(t), payloads)
	if file := (*archive.FileError)(nil); !errors.As(err, &file) || file.Object != p.Blocks[17].Path() {
		t.Error(err)
	}
}

// A caller may stop at any item; goleak sees that all goroutines end.
func TestStoppingEarly(t *testing.T) {
	b := build(t, 0)
	b.cut(map[string][]uint64{"a": span(1, 50), "b": span(51, 99)})
	b.cut(map[string][]uint64{"a": span(100, 150)})
	c, err := archive.Open(b.o.bucket(t)).Capture("S")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 150 {
		seen := 0
		for _, err := range c.Messages(t.Context(), payloads) {
			if err != nil {
				t.Fatal(err)
			}
			if seen++; seen > n {
				break
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range c.Messages(ctx, payloads) {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// breaking is a bucket whose objects break off behind a few bytes.
type breaking struct {
	bucket.Bucket
	each int64
}

func (b breaking) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := b.Bucket.Open(ctx, name, offset, length)
	if err != nil || strings.HasPrefix(name, "_") {
		return r, err
	}
	data, err := io.ReadAll(io.LimitReader(r, b.each))
	if int64(len(data)) < b.each {
		return io.NopCloser(bytes.NewReader(data)), errors.Join(err, r.Close())
	}
	broken := io.MultiReader(bytes.NewReader(data), brokenReader{})
	return io.NopCloser(broken), errors.Join(err, r.Close())
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

func TestAStoreThatBreaksOffIsAskedAgain(t *testing.T) {
	b := build(t, 0)
	b.cut(map[string][]uint64{"a": {1, 3}, "b": {2}})
	wantItems(t, breaking{b.o.bucket(t), 20}, payloads, "1 1", "2 2", "3 3")
}

// The account says what Messages yields, from the records alone.
func TestAccountEqualsTheMessages(t *testing.T) {
	b := build(t, 10)
	p := b.next(map[string][]uint64{"a": {11, 13, 14}, "b": {12, 16}})
	b.plan(p)
	b.files()
	b.lose(1, map[int][]uint64{1: {12}})
	b.done(nil)
	b.cut(map[string][]uint64{"a": {20}, "": {21}})
	for after := uint64(9); after < 22; after++ {
		for through := after + 1; through < 23; through++ {
			o := archive.ReadOptions{Partial: true, After: after, Through: through, Damaged: nil}
			c, err := archive.Open(b.o.bucket(t)).Capture("S")
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Account(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			want := map[archive.Fate]uint64{}
			for seq := max(after, 10) + 1; seq <= min(through, 21); seq++ {
				for cut, err := range c.Find(t.Context(), seq) {
					if err != nil {
						t.Fatal(err)
					}
					fate, _ := cut.Fate(seq)
					want[fate]++
				}
			}
			if got.Messages != want[archive.FateStored] || got.Dead != want[archive.FateDead] ||
				got.Lost != want[archive.FateLost] || got.Absent != want[archive.FateAbsent] {
				t.Errorf("(%d, %d]: %+v, want %v", after, through, got, want)
			}
		}
	}
}
