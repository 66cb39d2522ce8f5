package jetcapture_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/oracle"
)

// slice returns the options of a capture of a range, whose name says which.
func (r *rig) slice(first, last uint64) options {
	return with(r.options(), func(o *options) {
		o.Once, o.Archive.Capture = false, fmt.Sprintf("S-%d-%d", first, last)
		o.Start.Seq, o.Until = first, last
	})
}

// wantSlice checks that a capture holds exactly the messages of its range.
func (r *rig) wantSlice(first, last uint64) {
	r.t.Helper()
	a := r.archive(fmt.Sprintf("S-%d-%d", first, last))
	in := slices.DeleteFunc(slices.Clone(r.held), func(m oracle.Message) bool { return m.Seq < first || m.Seq > last })
	if err := a.ExactlyOnce(in, oracle.NatsMessage); err != nil {
		r.t.Error(err)
	}
	wantEqual(r.t, "end of the slice", a.To(), last)
}

// TestSlices: captures of ranges end by themselves, and hold the stream together.
func TestSlices(t *testing.T) {
	r := newRig(t)
	r.publish(1000)
	for _, s := range [][2]uint64{{1, 300}, {301, 600}, {601, 1000}} {
		capture(r, r.slice(s[0], s[1]))
		r.wantSlice(s[0], s[1])
		if again := capture(r, r.slice(s[0], s[1])); again.Messages != 0 || again.Cuts != 0 {
			t.Errorf("a slice that is done reads %d messages and makes %d cuts", again.Messages, again.Cuts)
		}
	}
	onward := with(r.options(), func(o *options) { o.Start.Seq = 1001 })
	r.publish(50)
	capture(r, onward)
	unions, err := archive.Open(r.bucket).Unions(t.Context())
	if err != nil || len(unions) != 1 {
		t.Fatalf("the unions are %v, %v; want one", unions, err)
	}
	u := unions[0]
	if len(u.Gaps) > 0 || len(u.Overlaps) > 0 || len(u.Parts) != 4 {
		t.Errorf("the union is %+v, want four parts without gap and overlap", u)
	}
	wantEqual(t, "first sequence", u.Parts[0].First, 1)
	wantEqual(t, "last sequence", u.Parts[3].Last, 1050)
}

func TestASliceWaitsForWhatIsToCome(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	run := start(r, r.nc, r.slice(5, 20))
	run.untilRead(10)
	r.publish(15)
	if err := run.end(); err != nil {
		t.Fatal(err)
	}
	r.wantSlice(5, 20)
}

// TestASliceIsOfOneStream: the sequences of another stream of the name are not those that were meant.
func TestASliceIsOfOneStream(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	run := start(r, r.nc, r.slice(1, 20))
	run.untilRead(10)
	run.finish()
	if err := r.js().DeleteStream(natsContext(t), "S"); err != nil {
		t.Fatal(err)
	}
	r.createStream()
	_, err := tryCapture(r, r.slice(1, 20))
	wantText(t, err, "stream S")
}

// TestLanes: captures of different subjects are compared sequence by sequence, up to where all have come.
func TestLanes(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	lane := func(name string, filters ...string) {
		capture(r, with(r.options(), func(o *options) { o.Archive.Capture, o.FilterSubjects = name, filters }))
	}
	lane("a", "s.0")
	lane("b", "s.1")
	look := func() archive.Lanes {
		t.Helper()
		all, err := archive.Open(r.bucket).Lanes(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("the lanes are %v, %v; want one stream", all, err)
		}
		return all[0]
	}
	l := look()
	wantEqual(t, "last sequence that was compared", l.Through, 100)
	wantEqual(t, "sequences of no lane", l.None.Sequences, 50)
	wantEqual(t, "sequences of two lanes", l.Twice.Sequences, 0)
	wantEqual(t, "first ranges of no lane", l.None.Some[1], archive.Span{First: 7, Last: 8})
	lane("c", "s.1", "s.2")
	l = look()
	wantEqual(t, "sequences of no lane", l.None.Sequences, 25)
	wantEqual(t, "sequences of two lanes", l.Twice.Sequences, 25)
	wantEqual(t, "first range of two lanes", l.Twice.Some[0], archive.Span{First: 2, Last: 2})
	lane("whole")
	l = look()
	wantEqual(t, "sequences of no lane beside a capture of all", l.None.Sequences, 0)
	wantEqual(t, "sequences of two captures", l.Twice.Sequences, 75)
}

func TestUnionsSayWhatIsMissingAndTwice(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	for _, s := range [][2]uint64{{1, 30}, {41, 60}, {51, 100}} {
		capture(r, r.slice(s[0], s[1]))
	}
	capture(r, with(r.slice(1, 100), func(o *options) { o.FilterSubjects = []string{"s.0"} }))
	unions, err := archive.Open(r.bucket).Unions(t.Context())
	if err != nil || len(unions) != 2 {
		t.Fatalf("the unions are %v, %v; want one for each filter", unions, err)
	}
	wantSlice(t, "gaps", unions[0].Gaps, []archive.Span{{First: 31, Last: 40}})
	wantSlice(t, "overlaps", unions[0].Overlaps, []archive.Span{{First: 51, Last: 60}})
	if u := unions[1]; len(u.Gaps)+len(u.Overlaps) > 0 || u.Filter[0] != "s.0" {
		t.Errorf("the union of one capture is %+v", u)
	}
}

func TestUntilIsChecked(t *testing.T) {
	o := options{Until: 5, Start: jetcapture.Start{Seq: 7}}
	wantText(t, o.Validate(), "Until: 5 is before the start, 7")
	o = options{Until: 5, NATSConsumerName: "c", Archive: jetcapture.ArchiveOptions[string]{}}
	wantText(t, o.Validate(), "Until: a range is captured into an archive")
}
