package archive_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// TestStreamConfigs: they are listed in their order, and verify finds what became of them.
func TestStreamConfigs(t *testing.T) {
	_, nc := ordersStream(t)
	b := bucket.NewMem()
	for _, limit := range []int64{-1, 1000, 2000} {
		cfg := jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxMsgs: limit}
		if _, err := natstest.JetStream(t, nc).UpdateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		publish(t, nc, 10)
		capture(t, nc, captureOptions(b, "ORDERS", record{"ndjson", "message"}))
	}
	whole := read(t, b)
	c, err := archive.Open(b).Capture("ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	var ns []uint64
	for s, err := range c.StreamConfigs(t.Context()) {
		if err != nil || s.Stream.Name != "ORDERS" || !strings.Contains(string(s.Config), `"max_msgs":`) {
			t.Errorf("record %+v, %v", s, err)
		}
		ns = append(ns, s.N)
	}
	if !slices.Equal(ns, []uint64{1, 3, 4}) {
		t.Errorf("records of plans %d", ns)
	}
	names := whole.names("_jetcapture/ORDERS/stream/", "")
	other := strings.Replace(names[1], "00003-", "00007-", 1)
	for what, tt := range map[string]struct {
		edit func(o objects)
		want []finding
	}{
		"nothing": {func(objects) {}, nil},
		"the first one removed": {
			func(o objects) { delete(o, names[0]) }, []finding{{archive.Missing, names[0], "", "plan 3"}},
		},
		"a byte changed": {func(o objects) { o.flip(names[1]) }, []finding{{archive.Damaged, names[1], "", ""}}},
		"under another number": {
			func(o objects) { o[other] = o[names[1]] }, []finding{{archive.Contradicts, other, "", ""}},
		},
		"emptied":                 {func(o objects) { o[names[2]] = nil }, []finding{{archive.Damaged, names[2], "", ""}}},
		"a capture without a cut": {func(o objects) { o[strings.Replace(names[0], "ORDERS", "x", 1)] = o[names[0]] }, nil},
	} {
		t.Run(what, func(t *testing.T) {
			o := maps.Clone(whole)
			tt.edit(o)
			r := verify(t, o.bucket(t), archive.VerifyOptions{})
			expect(t, r.problems, tt.want...)
			expect(t, r.notes)
		})
	}
}
