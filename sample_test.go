package jetcapture_test

import (
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
)

// TestSample: a rehearsal reads what its filter lets through, up to its number, and leaves no consumer.
func TestSample(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	for _, tt := range []struct {
		sample       int
		start        jetcapture.Start
		filter       []string
		read         int64
		stored, last uint64
	}{
		{sample: 10, read: 10, stored: 10, last: 10},
		{sample: 10, filter: []string{"s.1"}, read: 10, stored: 38, last: 38},
		{sample: 10, start: jetcapture.Start{Seq: 95}, read: 6, stored: 100, last: 100},
		{sample: 10, start: jetcapture.Start{New: true}, stored: 100},
	} {
		o := r.options()
		o.Archive.Bucket, o.Once = bucket.NewMem(), false
		o.Sample, o.Start, o.FilterSubjects = tt.sample, tt.start, tt.filter
		s := capture(r, o)
		if s.Messages != tt.read || s.StoredSeq != tt.stored || s.LastSeq != tt.last {
			t.Errorf("%+v: %d messages, up to %d, stored up to %d", tt, s.Messages, s.LastSeq, s.StoredSeq)
		}
	}
	info, err := r.stream().Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "consumers", info.State.Consumers, 0)
}
