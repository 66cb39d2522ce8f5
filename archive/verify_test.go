package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

func TestVerifyCounts(t *testing.T) {
	o := realArchive(t)
	b := o.bucket(t)
	var last archive.Progress
	r := verify(t, b, archive.VerifyOptions{Progress: func(p archive.Progress) { last = p }})
	r.clean(t)
	expect(t, r.notes)
	size := int64(0)
	for _, name := range o.names("0") {
		if !strings.HasPrefix(name, "_jetcapture/") {
			size += int64(len(o[name]))
		}
	}
	want := archive.Report{
		Captures: 2, Cuts: 8, Finished: 8,
		Counts: archive.Counts{Messages: 516, Dead: 60, Skipped: 24, Rows: 516, Files: 24, Bytes: size},
		Read:   24, Size: size, RowsRead: 576, Listed: 24,
	}
	if !reflect.DeepEqual(r.Report, want) {
		t.Errorf("got %+v, want %+v", r.Report, want)
	}
	if wantLast := (archive.Progress{Files: 24, Bytes: size, Listed: 24}); last != wantLast {
		t.Errorf("progress ended at %+v, want %+v", last, wantLast)
	}
}

func TestVerifyQuickLooksAtSizesOnly(t *testing.T) {
	o := realArchive(t)
	names := o.data("ORDERS-")
	o.flip(names[0])
	o[names[1]] = o[names[1]][1:]
	delete(o, names[2])
	r := verify(t, o.bucket(t), archive.VerifyOptions{Quick: true})
	if len(r.problems) != 2 || r.problems[0].Object+r.problems[1].Object != names[1]+names[2] &&
		r.problems[0].Object+r.problems[1].Object != names[2]+names[1] {
		t.Errorf("got %v, want problems of %s and %s", r.problems, names[1], names[2])
	}
}

func TestVerifyOneCapture(t *testing.T) {
	o := realArchive(t)
	o.flip(o.data("table-")[0])
	o["0/"+cutlog.BlockName("other", "00000000", 1, 1, "x")] = nil
	r := verify(t, o.bucket(t), archive.VerifyOptions{Capture: "ORDERS"})
	r.clean(t)
	if r.Captures != 1 || r.Read != 12 {
		t.Errorf("got %+v", r.Report)
	}
	copied := "9/" + o.data("ORDERS-")[0]
	o[copied] = nil
	r = verify(t, o.bucket(t), archive.VerifyOptions{Capture: "ORDERS"})
	expect(t, r.problems, finding{archive.Unplanned, copied, "1-97", ""})
	for _, name := range []string{"missing", "_x", ""} {
		if _, err := archive.Open(o.bucket(t)).Verify(t.Context(),
			archive.VerifyOptions{Capture: name}); (err == nil) != (name == "") {
			t.Errorf("capture %q: %v", name, err)
		}
	}
}

// TestVerifyLost looks at what redos leave behind when the stream has dropped planned messages.
func TestVerifyLost(t *testing.T) {
	const a, b = "a/2024/05/06/07/00/", "b/2024/05/06/07/00/"
	for _, tt := range []struct {
		name     string
		make     func(b *builder)
		problems []finding
		notes    []finding
	}{
		{"reduced and missing, as recorded", func(b *builder) {
			b.file(b.head.Plan.Blocks[0], cutlog.NewSeqSet(2))
			b.lose(1, map[int][]uint64{0: {2}, 1: {4, 5}})
			b.done(nil)
		}, nil, nil},
		{"late puts", func(b *builder) {
			b.file(b.head.Plan.Blocks[0], cutlog.NewSeqSet())
			b.lose(1, map[int][]uint64{0: {2}, 1: {4, 5}})
			b.done(nil)
			b.file(b.head.Plan.Blocks[1], cutlog.SeqSet{})
		}, nil, []finding{}},
		{"the lost record does not count, as done does not name it", func(b *builder) {
			b.files()
			b.lose(1, map[int][]uint64{0: {2}})
			b.done(func(d *cutlog.Done) { d.Lost = "" })
		}, nil, nil},
		{"a second lost record", func(b *builder) {
			b.file(b.head.Plan.Blocks[0], cutlog.NewSeqSet(2))
			b.lose(1, map[int][]uint64{0: {2}})
			b.lose(2, map[int][]uint64{0: {2}, 1: {4, 5}})
			b.done(nil)
		}, nil, nil},
		{"fewer rows than the lost record leaves", func(b *builder) {
			b.file(b.head.Plan.Blocks[0], cutlog.NewSeqSet(1, 2))
			b.lose(1, map[int][]uint64{0: {2}, 1: {4, 5}})
			b.done(nil)
		}, []finding{{
			archive.WrongContent, a + name("S", 1, 3), "1-3",
			"3 rows of 3 messages, 1 of them lost, found 1 rows",
		}}, nil},
		{"a late put of something else", func(b *builder) {
			b.file(b.head.Plan.Blocks[0], cutlog.SeqSet{})
			b.lose(1, map[int][]uint64{1: {4, 5}})
			b.done(nil)
			b.o["b/2024/05/06/07/00/"+name("S", 4, 5)] = gzipped([]byte("1\n2\n3\n"))
		}, []finding{{archive.WrongContent, b + name("S", 4, 5), "4-5", "found 3 rows"}}, nil},
		{"the lost record removed", func(b *builder) {
			b.file(b.head.Plan.Blocks[0], cutlog.NewSeqSet(2))
			b.lose(1, map[int][]uint64{0: {2}, 1: {4, 5}})
			b.done(nil)
			delete(b.o, cutlog.LostName("S", 2, 1))
		}, []finding{{archive.Missing, cutlog.LostName("S", 2, 1), "", "that done 2 names"}}, nil},
		{"the lost record, a byte changed", func(b *builder) {
			b.file(b.head.Plan.Blocks[0], cutlog.NewSeqSet(2))
			b.lose(1, map[int][]uint64{0: {2}, 1: {4, 5}})
			b.done(nil)
			b.o.flip(cutlog.LostName("S", 2, 1))
		}, []finding{{archive.Damaged, cutlog.LostName("S", 2, 1), "", ""}}, nil},
		{"a second lost record removed", func(b *builder) {
			b.file(b.head.Plan.Blocks[0], cutlog.NewSeqSet(2))
			b.lose(1, map[int][]uint64{0: {2}})
			b.lose(2, map[int][]uint64{0: {2}, 1: {4, 5}})
			b.done(nil)
			delete(b.o, cutlog.LostName("S", 2, 2))
		}, []finding{{archive.Missing, cutlog.LostName("S", 2, 2), "", ""}}, nil},
		{"interrupted redo", func(b *builder) {
			b.file(b.head.Plan.Blocks[0], cutlog.NewSeqSet(2))
			b.lose(1, map[int][]uint64{0: {2}, 1: {4, 5}})
		}, nil, []finding{{archive.Pending, cutlog.DoneName("S", 2), "1-5", "with 1 of its 2 files there"}}},
		{"done says missing, and it is not lost", func(b *builder) {
			b.file(b.head.Plan.Blocks[0], cutlog.SeqSet{})
			b.done(nil)
		}, []finding{
			{archive.Contradicts, cutlog.DoneName("S", 2), "", "not lost"}, {archive.Missing, b + name("S", 4, 5), "4-5", ""},
		}, nil},
		{"an empty file where rows were planned", func(b *builder) {
			b.files()
			b.o[b.head.Plan.Blocks[0].Path()] = gzipped(nil)
			b.done(nil)
		}, []finding{{archive.WrongContent, a + name("S", 1, 3), "1-3", "found 0 rows"}}, nil},
		{"a row cut off", func(b *builder) {
			b.files()
			b.o[b.head.Plan.Blocks[0].Path()] = gzipped([]byte("1\n2\n3"))
			b.done(nil)
		}, []finding{{archive.WrongContent, a + name("S", 1, 3), "1-3", "in the middle of a row"}}, nil},
		{"no gzip", func(b *builder) {
			b.files()
			b.o[b.head.Plan.Blocks[0].Path()] = []byte("1\n2\n3\n")
			b.done(nil)
		}, []finding{{archive.WrongContent, a + name("S", 1, 3), "1-3", "gzip"}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := build(t, 0)
			b.plan(b.next(map[string][]uint64{"a": {1, 2, 3}, "b": {4, 5}}))
			tt.make(b)
			if tt.notes != nil && len(tt.notes) == 0 {
				tt.notes = []finding{
					{archive.LatePut, a + name("S", 1, 3), "2", "without the 1 messages"},
					{archive.LatePut, "b/2024/05/06/07/00/" + name("S", 4, 5), "4-5", "without the 2 messages"},
				}
			}
			r := verify(t, b.o.bucket(t), archive.VerifyOptions{})
			expect(t, r.problems, tt.problems...)
			expect(t, r.notes, tt.notes...)
		})
	}
}

// name is the name of a file that a builder makes.
func name(capture string, first, last uint64) string {
	return cutlog.BlockName(capture, cutlog.IncarnationID(capture, "S", created, 1), first, last, "ndjson.gz")
}

// TestVerifyInParts verifies with so little memory for names that the plans have to be read again and again.
func TestVerifyInParts(t *testing.T) {
	b := build(t, 0)
	for cut := range uint64(10) {
		blocks := map[string][]uint64{}
		for key := range uint64(10) {
			blocks[fmt.Sprint(key)] = []uint64{cut*10 + key + 1}
		}
		b.cut(blocks)
	}
	path := b.head.Plan.Blocks[3].Path()
	b.o["x/"+path] = b.o[path]
	b.o["y/z"] = nil
	for _, names := range []int{20, 99, 100} {
		t.Run(fmt.Sprint(names), func(t *testing.T) {
			r := verify(t, b.o.bucket(t), archive.VerifyOptions{}.WithSmallLimits(names, 0))
			expect(t, r.problems, finding{archive.Unplanned, "x/" + path, "94", ""}, finding{archive.Unplanned, "y/z", "", ""})
			if r.Listed != 102 {
				t.Errorf("listed %d files, want 102", r.Listed)
			}
		})
	}
}

// growing is a bucket to which a capture writes at the worst moments: just before an object is opened or a listing
// begins, up to a number of cuts.
type growing struct {
	*bucket.Mem
	mu   sync.Mutex
	left int
	grow func()
}

func (g *growing) step() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left > 0 {
		g.left--
		g.grow()
	}
}

func (g *growing) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	g.step()
	return g.Mem.Open(ctx, name, offset, length)
}

func (g *growing) List(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	g.step()
	return g.Mem.List(ctx, prefix, after)
}

// TestVerifyWhileCapturing puts the next object of a long capture before each look at the store.
func TestVerifyWhileCapturing(t *testing.T) {
	b := build(t, 0)
	var order []string // of the puts
	for cut := range uint64(15) {
		before := len(b.o)
		p := b.cut(map[string][]uint64{"a": span(cut*10+1, cut*10+5), "b": span(cut*10+6, cut*10+9), "": {cut*10 + 10}})
		order = append(order, cutlog.PlanName("S", p.N))
		for i := range p.Blocks {
			order = append(order, p.Blocks[i].Path())
		}
		order = append(order, cutlog.DoneName("S", p.N))
		if len(b.o) != before+5 {
			t.Fatal("a cut does not have 5 objects")
		}
	}
	for start := range 6 {
		o := objects{}
		for _, name := range append([]string{cutlog.FormatName("S"), cutlog.PlanName("S", 1), cutlog.DoneName("S", 1)},
			order[:start]...) {
			o[name] = b.o[name]
		}
		mem, next := o.bucket(t), start
		g := &growing{Mem: mem, left: len(order) - start, grow: func() {
			o := objects{order[next]: b.o[order[next]]}
			for name, data := range o {
				if err := mem.PutNew(t.Context(), name, strings.NewReader(string(data)), bucket.PutOptions{Size: -1}); err != nil {
					t.Error(err)
				}
			}
			next++
		}}
		r := verify(t, g, archive.VerifyOptions{})
		r.clean(t)
		for _, f := range r.notes {
			if f.Kind != archive.Pending {
				t.Errorf("note: %s", f)
			}
		}
		if r.Cuts < 1 {
			t.Errorf("start %d: %+v", start, r.Report)
		}
	}
}

// TestVerifyRealWhileCapturing verifies in a loop while a real capture runs.
func TestVerifyRealWhileCapturing(t *testing.T) {
	_, nc := ordersStream(t)
	dir, err := bucket.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	o := captureOptions(dir, "ORDERS", record{"ndjson", "message"})
	o.Once, o.MaxMessages, o.MaxIdle = false, 20, 10*time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Build().Run(ctx, nc) }()
	for verified := 0; verified < 4; {
		publish(t, nc, 100)
		r := verify(t, dir, archive.VerifyOptions{})
		r.clean(t)
		if r.Cuts > 2 {
			verified++
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	r := verify(t, dir, archive.VerifyOptions{})
	r.clean(t)
	expect(t, r.notes)
}

// failing is a bucket that cannot give some objects.
type failing struct {
	*bucket.Mem
	fails func(name string) error
}

func (f failing) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := f.fails(name); err != nil {
		return nil, err
	}
	r, err := f.Mem.Open(ctx, name, offset, length)
	return r, err
}

func TestVerifyUnreadable(t *testing.T) {
	o := realArchive(t)
	data, plan, done := o.data("ORDERS-")[0], cutlog.PlanName("ORDERS", 3), cutlog.DoneName("table", 2)
	fault := errors.New("input/output error")
	b := failing{o.bucket(t), func(name string) error {
		if name == data || name == plan || name == done {
			return fault
		}
		return nil
	}}
	r := verify(t, b, archive.VerifyOptions{})
	expect(t, r.problems, finding{archive.Unreadable, data, o.seqsOf(t, "ORDERS", 2, data), "input/output error"},
		finding{archive.Unreadable, plan, "101-200", ""}, finding{archive.Unreadable, done, "", ""})

	b.fails = func(name string) error {
		if strings.HasPrefix(name, "_") {
			return nil
		}
		return fault
	}
	many := build(t, 0)
	for seq := range uint64(110) {
		many.cut(map[string][]uint64{"a": {seq + 1}})
	}
	b.Mem = many.o.bucket(t)
	if _, err := archive.Open(b).Verify(t.Context(), archive.VerifyOptions{}); !errors.Is(err, fault) {
		t.Errorf("a store that gives nothing: %v", err)
	}
}

func TestVerifyCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := realArchive(t)
	files := 0
	_, err := archive.Open(o.bucket(t)).Verify(ctx, archive.VerifyOptions{
		Progress: func(p archive.Progress) {
			if files = int(p.Files); p.Files == 5 {
				cancel()
			}
		},
		Found: func(f archive.Finding) { t.Errorf("found %s", f) },
	})
	if !errors.Is(err, context.Canceled) || files > 5+8 {
		t.Errorf("%v, after %d files", err, files)
	}
}
