package archive_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

// shortLists is a bucket whose lists leave out names.
type shortLists struct {
	bucket.Bucket
	hides func(name string) bool
}

func (b shortLists) List(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		for info, err := range b.Bucket.List(ctx, prefix, after) {
			if (err != nil || !b.hides(info.Name)) && !yield(info, err) {
				return
			}
		}
	}
}

// manyCuts is an archive of capture S with 9 cuts, of which all but the first have two files of 10 messages.
func manyCuts(t *testing.T) *builder {
	b := build(t, 0)
	for n := range uint64(8) {
		b.cut(map[string][]uint64{"abc": span(20*n+1, 20*n+10), "ABC": span(20*n+11, 20*n+20)})
	}
	return b
}

func (b *builder) paths(n uint64) (first, second string) {
	p := b.o.plan(b.t, "S", n)
	return p.Blocks[0].Path(), p.Blocks[1].Path()
}

// TestListsAreHints: what the log says must be there is checked, whatever a list leaves out, and the list is named.
func TestListsAreHints(t *testing.T) {
	b := manyCuts(t)
	destroyed, other := b.paths(7)
	for _, tt := range []struct {
		name  string
		hides func(string) bool
		want  []finding
	}{
		{"nothing", func(string) bool { return false }, nil},
		{"the records of the last cuts", func(n string) bool {
			return strings.HasPrefix(n, "_jetcapture/") && n > cutlog.PlanName("S", 4)
		}, []finding{{archive.Unlisted, cutlog.PlanName("S", 5), "", "without 5 cuts"}}},
		{"all records", func(n string) bool { return strings.HasPrefix(n, "_jetcapture/S/log/") }, []finding{
			{archive.Unlisted, cutlog.PlanName("S", 1), "", "without 9 cuts"},
		}},
		{"the whole log", func(n string) bool { return strings.HasPrefix(n, "_jetcapture/") }, []finding{
			{archive.Unlisted, cutlog.PlanName("S", 1), "", "without 9 cuts"},
		}},
		{"a file", func(n string) bool { return n == other }, []finding{{archive.Unlisted, other, "", "without 1 files"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := shortLists{b.o.bucket(t), tt.hides}
			expect(t, verify(t, store, archive.VerifyOptions{}).problems, tt.want...)
			// Sets of names that hold few of them find the same.
			expect(t, verify(t, store, archive.VerifyOptions{}.WithSmallLimits(3, 10)).problems, tt.want...)
			o := maps.Clone(b.o)
			o[destroyed] = []byte("x")
			want := append(slices.Clone(tt.want), finding{archive.Damaged, destroyed, b.o.seqsOf(t, "S", 7, destroyed), ""})
			expect(t, verify(t, shortLists{o.bucket(t), tt.hides}, archive.VerifyOptions{}).problems, want...)
		})
	}
}

// TestListOfARunningCapture: cuts that are made after the list are no problem of the list.
func TestListOfARunningCapture(t *testing.T) {
	b := manyCuts(t)
	lists := 0
	store := shortLists{b.o.bucket(t), func(n string) bool { return lists == 1 && n > cutlog.PlanName("S", 6) }}
	r := verify(t, countedLists{store, &lists}, archive.VerifyOptions{})
	r.clean(t)
	if r.Cuts != 9 {
		t.Errorf("%d cuts were checked", r.Cuts)
	}
}

// countedLists counts the lists of a log.
type countedLists struct {
	bucket.Bucket
	n *int
}

func (b countedLists) List(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	if prefix == "_jetcapture/S/" || prefix == cutlog.LogPrefix("S") {
		*b.n++
	}
	return b.Bucket.List(ctx, prefix, after)
}

// folding is a bucket that ignores case, as some file systems do: a directory is listed as it was first spelled.
type folding struct{ bucket.Bucket }

// fold returns a bucket with the objects, and one that ignores case.
func fold(t *testing.T, o objects) folding {
	spelled := map[string]string{} // directories
	b := objects{}
	for _, name := range o.names() {
		dir, base := filepath.Split(name)
		if _, known := spelled[strings.ToLower(dir)]; !known {
			spelled[strings.ToLower(dir)] = dir
		}
		b[spelled[strings.ToLower(dir)]+base] = o[name]
	}
	return folding{b.bucket(t)}
}

// name returns the name that the bucket has.
func (b folding) name(ctx context.Context, name string) string {
	for info, err := range b.List(ctx, "", "") {
		if err == nil && strings.EqualFold(info.Name, name) {
			return info.Name
		}
	}
	return name
}

func (b folding) Stat(ctx context.Context, name string) (bucket.Info, error) {
	return b.Bucket.Stat(ctx, b.name(ctx, name))
}

func (b folding) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	return b.Bucket.Open(ctx, b.name(ctx, name), offset, length)
}

// TestStoresThatIgnoreCase: what is planned under another spelling is not unplanned, and a copy under another spelling
// is where both are there.
func TestStoresThatIgnoreCase(t *testing.T) {
	b := manyCuts(t)
	_, lower := b.paths(3)
	for _, opts := range []archive.VerifyOptions{{}, archive.VerifyOptions{}.WithSmallLimits(20, 10), {Quick: true}} {
		r := verify(t, fold(t, b.o), opts)
		r.clean(t)
		expect(t, r.notes)
	}
	copied := strings.Replace(lower, "abc/", "aBc/", 1)
	b.o[copied] = b.o[lower]
	want := finding{archive.Unplanned, copied, b.o.seqsOf(t, "S", 3, lower), ""}
	expect(t, verify(t, b.o.bucket(t), archive.VerifyOptions{}).problems, want)
	expect(t, verify(t, b.o.bucket(t), archive.VerifyOptions{}.WithSmallLimits(20, 10)).problems, want)
	delete(b.o, lower) // moved
	expect(t, verify(t, b.o.bucket(t), archive.VerifyOptions{}).problems, want,
		finding{archive.Missing, lower, want.seqs, ""})
}

// TestCaptureCalledTmp: it shares its directory with temporary files of a local archive, and is verified.
func TestCaptureCalledTmp(t *testing.T) {
	b := build(t, 0)
	b.cut(map[string][]uint64{"k": span(1, 3)})
	o := maps.Clone(b.o)
	o["_jetcapture/tmp/.put-00.tmp"] = nil
	expect(t, verify(t, o.bucket(t), archive.VerifyOptions{}).notes)
	o["_jetcapture/tmp/format.json"] = nil
	r := verify(t, o.bucket(t), archive.VerifyOptions{})
	if r.Captures != 2 || len(r.problems) == 0 {
		t.Errorf("%d captures, %v", r.Captures, fmt.Sprint(r.problems))
	}
}

// TestACaptureThatBeginsLikeWhatIsNoData: earlier versions let a capture be _none, the only name that begins so.
func TestACaptureThatBeginsLikeWhatIsNoData(t *testing.T) {
	b := buildOf(t, "_none", 0)
	b.cut(map[string][]uint64{"a": {1, 3}, "": {2}})
	for _, name := range []string{"_none-x", "a/_none/x", "_deadletter/_none/x", "_SUCCESS", "a/.x"} {
		b.o[name] = nil
	}
	r := verify(t, b.o.bucket(t), archive.VerifyOptions{})
	r.clean(t)
	if r.Listed != 2 || r.Foreign != 5 {
		t.Errorf("%d files and %d others are listed, want 2 and 5", r.Listed, r.Foreign)
	}
}
