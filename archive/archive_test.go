package archive_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

// TestOldArchive verifies an archive as the first version of the layout wrote it: every later version reads it.
func TestOldArchive(t *testing.T) {
	dir, err := bucket.OpenDirReadOnly("testdata/archive")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	r := verify(t, dir, archive.VerifyOptions{})
	r.clean(t)
	if r.Cuts != 4 || r.Read != 12 || r.RowsRead != 288 {
		t.Errorf("got %+v", r.Report)
	}
}

func TestCaptures(t *testing.T) {
	o := objects{}
	for _, capture := range []string{"a", "a-b", "a.b", "a0", "b", "tmp", "%5Fx"} {
		o["_jetcapture/"+capture+"/format.json"] = nil
		o[cutlog.PlanName(capture, 1)] = nil
		o[cutlog.DoneName(capture, 1)] = nil
	}
	o["_jetcapture/tmp2/x"] = nil   // a log without records, which verify names
	o["_jetcapture/file"] = nil     // no directory
	o["_jetcapture/-%/x"] = nil     // no capture can have this name
	o["_jetcapture/_x/x"] = nil     // not an object of a capture
	o["_jetcapture0/c/log/x"] = nil // another directory
	var names []string
	for c, err := range archive.Open(o.bucket(t)).Captures(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, c.Name())
	}
	if want := []string{"%5Fx", "a-b", "a.b", "a", "a0", "b", "tmp", "tmp2"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	for c, err := range archive.Open(bucket.NewMem()).Captures(t.Context()) {
		t.Errorf("an empty bucket has a capture: %v, %v", c, err)
	}
	if _, err := archive.Open(bucket.NewMem()).Capture("../x"); err == nil {
		t.Error("a capture outside of the archive")
	}
}

func TestFormat(t *testing.T) {
	o := build(t, 0).o
	c, err := archive.Open(o.bucket(t)).Capture("S")
	if err != nil {
		t.Fatal(err)
	}
	if f, err := c.Format(t.Context()); err != nil || f.Stream != "S" {
		t.Errorf("got %+v, %v", f, err)
	}
	delete(o, cutlog.FormatName("S"))
	if c, err = archive.Open(o.bucket(t)).Capture("S"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Format(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a format: %v", err)
	}
}

// twoLives is a log of two incarnations: sequences 1 to 100 in cuts of 10, then 1 to 5 of a stream that was recreated.
func twoLives(t *testing.T) *builder {
	b := build(t, 0)
	for cut := range uint64(10) {
		p := b.next(map[string][]uint64{"a": {cut*10 + 1, cut*10 + 3}, "": {cut*10 + 4}})
		p.Skipped, p.Lost = cutlog.NewSeqSet(cut*10+5),
			[]cutlog.LostRange{{Reason: cutlog.LostExpired, Seqs: cutlog.NewSeqSet(cut*10 + 6)}}
		p.To = cut*10 + 10
		p.Absent = 5
		if cut > 3 { // earlier programs did not say why
			p.AbsentBy = map[cutlog.AbsentReason]uint64{cutlog.AbsentNever: 2, cutlog.AbsentFiltered: 3}
		}
		b.plan(p)
		b.files()
		if cut == 9 {
			b.lose(1, map[int][]uint64{0: {91}})
		}
		b.done(nil)
	}
	p := b.next(nil)
	p.Stream.Created = created.Add(time.Hour)
	p.Opens, p.Opened, p.From, p.To, p.Past = true, p.N, 0, 5, []time.Time{created}
	p.Incarnation = cutlog.IncarnationID("S", "S", p.Stream.Created, p.N)
	p.Blocks = []cutlog.Block{b.block(p, "b", cutlog.NewSeqSet(1, 2, 3, 4, 5))}
	b.plan(p)
	b.files()
	b.done(nil)
	return b
}

func TestFind(t *testing.T) {
	c, err := archive.Open(twoLives(t).o.bucket(t)).Capture("S")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		seq  uint64
		want string
	}{
		{1, "2 stored a, 12 stored b"},
		{3, "2 stored a, 12 stored b"},
		{4, "2 dead , 12 stored b"},
		{5, "2 skipped, 12 stored b"},
		{6, "2 lost"},
		{7, "2 absent"},
		{10, "2 absent"},
		{11, "3 stored a"},
		{55, "7 skipped"},
		{91, "11 lost a"},
		{93, "11 stored a"},
		{100, "11 absent"},
		{101, ""},
		{1 << 63, ""},
	} {
		var got []string
		for cut, err := range c.Find(t.Context(), tt.seq) {
			if err != nil {
				t.Fatal(err)
			}
			fate, block := cut.Fate(tt.seq)
			text := fmt.Sprintf("%d %s", cut.N, fate)
			if block != nil {
				text += " " + strings.Join(func() (key []string) {
					for _, k := range block.Key {
						key = append(key, string(k))
					}
					return key
				}(), "/")
			}
			got = append(got, text)
			if fate, _ := cut.Fate(1000); fate != "" {
				t.Errorf("fate of a sequence of no range: %s", fate)
			}
		}
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("sequence %d: got %q, want %q", tt.seq, s, tt.want)
		}
	}
	empty, err := archive.Open(bucket.NewMem()).Capture("S")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range empty.Find(t.Context(), 1) {
		if err == nil {
			t.Error("found in an empty log")
		}
	}
}

func TestCuts(t *testing.T) {
	b := twoLives(t)
	b.plan(b.next(map[string][]uint64{"c": {6, 7}})) // and nothing more
	var total archive.Counts
	var reasons archive.Reasons
	last, finished := uint64(0), 0
	for cut, err := range archiveCuts(t, b.o) {
		if err != nil {
			t.Fatal(err)
		}
		total.Add(cut.Counts())
		reasons.Add(cut.Reasons())
		if last++; cut.N != last || cut.Capture() != "S" {
			t.Errorf("cut %d of %s comes %d.", cut.N, cut.Capture(), last)
		}
		if cut.Finished() {
			finished++
		}
		for block := range cut.Blocks() {
			if block.Cut != cut.N || block.Capture != "S" || (block.Stored != nil) != cut.Finished() ||
				!block.End.Equal(window.Add(15*time.Minute)) {
				t.Errorf("cut %d: %+v", cut.N, block)
			}
		}
	}
	want := archive.Counts{
		Messages: 20 - 1 + 5 + 2, Dead: 10, Skipped: 10, Lost: 11, Absent: 50, Rows: 27, Files: 22, Bytes: total.Bytes,
	}
	wantLost := map[cutlog.LostReason]int64{cutlog.LostExpired: 10, cutlog.LostGone: 1}
	wantAbsent := map[cutlog.AbsentReason]uint64{
		cutlog.AbsentNever: 12, cutlog.AbsentFiltered: 18, cutlog.AbsentUnknown: 20,
	}
	if !maps.Equal(reasons.Lost(), wantLost) || !maps.Equal(reasons.Absent(), wantAbsent) {
		t.Errorf("lost %v, absent %v; want %v, %v", reasons.Lost(), reasons.Absent(), wantLost, wantAbsent)
	}
	if last != 13 || finished != 12 || total != want || total.Bytes == 0 {
		t.Errorf("%d cuts, %d finished: %+v, want %+v", last, finished, total, want)
	}

	b.o.flip(cutlog.DoneName("S", 5))
	cuts := 0
	for _, err := range archiveCuts(t, b.o) {
		var corrupt *cutlog.CorruptError
		if err != nil && (!errors.As(err, &corrupt) || corrupt.Object != cutlog.DoneName("S", 5)) {
			t.Error(err)
		}
		cuts++
	}
	if cuts != 5 {
		t.Errorf("%d cuts before the damage", cuts-1)
	}
}

// TestReason: a lost sequence has its reason; an absent one has it if all that are absent in the plan have the same.
func TestReason(t *testing.T) {
	for cut, err := range archiveCuts(t, twoLives(t).o) {
		if err != nil {
			t.Fatal(err)
		}
		if cut.N != 11 {
			continue
		}
		got := map[uint64]string{}
		for seq := uint64(91); seq <= 100; seq++ {
			if reason := cut.Reason(seq); reason != "" {
				got[seq] = reason
			}
		}
		if want := map[uint64]string{91: "gone", 96: "expired"}; !maps.Equal(got, want) {
			t.Errorf("reasons %v, want %v", got, want)
		}
		cut.Plan.AbsentBy = map[cutlog.AbsentReason]uint64{cutlog.AbsentNever: 5}
		if got := cut.Reason(97); got != "never-existed" {
			t.Errorf("absent for the reason %q", got)
		}
	}
}

func TestFilter(t *testing.T) {
	block := archive.Block{
		Block: cutlog.Block{Key: []cutlog.Text{"a/b", "_none", "shop=a=b c"}, Window: window, Seqs: cutlog.NewSeqSet(1, 5)},
		Lost:  cutlog.NewSeqSet(5), End: window.Add(time.Hour),
	}
	for _, tt := range []struct {
		f    archive.Filter
		want bool
	}{
		{archive.Filter{}, true},
		{archive.Filter{Key: []string{"a/b"}}, true},
		{archive.Filter{Key: []string{"a%2Fb"}}, true},
		{archive.Filter{Key: []string{"a"}}, false},
		{archive.Filter{Key: []string{"a/b", "_none"}}, true},
		{archive.Filter{Key: []string{"a/b", "x"}}, false},
		{archive.Filter{Key: []string{"a/b", "_none", ""}}, false},
		{archive.Filter{Key: []string{"a/b", "_none", "shop=a=b c"}}, true},
		{archive.Filter{Key: []string{"a/b", "_none", "shop=a%3Db%20c"}}, true},
		{archive.Filter{Key: []string{"a/b", "_none", "a=b c"}}, true},
		{archive.Filter{Key: []string{"a/b", "_none", "a%3Db%20c"}}, true},
		{archive.Filter{Key: []string{"a/b", "_none", "b c"}}, false},
		{archive.Filter{Key: []string{"a/b", "_none", "shop"}}, false},
		{archive.Filter{Seq: 1}, true},
		{archive.Filter{Seq: 2}, false},
		{archive.Filter{Seq: 5}, false}, // lost
		{archive.Filter{From: window}, true},
		{archive.Filter{From: window.Add(59 * time.Minute)}, true},
		{archive.Filter{From: window.Add(time.Hour)}, false},
		{archive.Filter{To: window}, false},
		{archive.Filter{To: window.Add(1)}, true},
		{archive.Filter{From: window.Add(-time.Hour), To: window.Add(time.Minute), Seq: 1, Key: []string{"a/b"}}, true},
	} {
		if got := tt.f.Match(block); got != tt.want {
			t.Errorf("%+v: %v", tt.f, got)
		}
		if tt.f.IsZero() != (len(tt.f.Key) == 0 && tt.f.Seq == 0 && tt.f.From.IsZero() && tt.f.To.IsZero()) {
			t.Errorf("%+v: IsZero is %v", tt.f, tt.f.IsZero())
		}
	}
}

// TestLargePlan verifies a cut of very many files in memory for its plan, not for its files.
func TestLargePlan(t *testing.T) {
	const files, rows = 5000, 2
	b := build(t, 0)
	blocks := map[string][]uint64{}
	for key := range uint64(files) {
		blocks[fmt.Sprintf("key-%d", key)] = span(key*rows+1, (key+1)*rows)
	}
	p := b.next(blocks)
	p.Settings["compression"] = "none" // for the speed of the test
	b.plan(p)
	for _, block := range p.Blocks {
		b.o[block.Path()] = []byte("1\n2\n")
	}
	b.done(nil)
	mem := b.o.bucket(t)
	b.o = nil
	heap := func() uint64 {
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapInuse
	}
	runtime.GC()
	before, most, calls := heap(), uint64(0), 0
	r := verify(t, mem, archive.VerifyOptions{Progress: func(archive.Progress) {
		if calls++; calls%1000 == 0 {
			most = max(most, heap())
		}
	}})
	r.clean(t)
	if r.Read != files {
		t.Errorf("read %d files", r.Read)
	}
	if grown := int64(most) - int64(before); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}
