package archive_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestDeletedDoneIsMadeAgain: a done record is a function of the plan and the files, so a start need not refuse when
// something has deleted one.
func TestDeletedDoneIsMadeAgain(t *testing.T) {
	_, nc := ordersStream(t)
	b := bucket.NewMem()
	for range 3 {
		publish(t, nc, 30)
		capture(t, nc, captureOptions(b, "ORDERS", record{"ndjson", "message"}))
	}
	whole := read(t, b)
	file := whole.plan(t, "ORDERS", 3).Blocks[0].Path()
	for _, tt := range []struct {
		name string
		edit func(o objects)
		want string // part of the error of the start; empty: it goes on
	}{
		{"one done record", func(objects) {}, ""},
		{"and the one before", func(o objects) { delete(o, cutlog.DoneName("ORDERS", 2)) }, ""},
		{"and a file has another row", func(o objects) {
			o[file] = gzipped(bytes.Replace(gunzip(t, o[file]), []byte(`"stream_seq":3`), []byte(`"stream_seq":4`), 1))
		}, "another done record than these files"},
		{"and a file is damaged", func(o objects) { o[file] = o[file][:10] }, "cannot be made again"},
		{"and a file is not there", func(o objects) { delete(o, file) }, "cannot be made again"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := maps.Clone(whole)
			delete(o, cutlog.DoneName("ORDERS", 3))
			tt.edit(o)
			b := o.bucket(t)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			options := captureOptions(b, "ORDERS", record{"ndjson", "message"})
			err := options.Build().Run(ctx, nc)
			if tt.want != "" {
				var corrupt *cutlog.CorruptError
				if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("the start: %v, want %q", err, tt.want)
				}
				if _, there := read(t, b)[cutlog.DoneName("ORDERS", 3)]; there {
					t.Error("a done record was made")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, b)[cutlog.DoneName("ORDERS", 3)]; !bytes.Equal(got, whole[cutlog.DoneName("ORDERS", 3)]) {
				t.Errorf("done 3 is %q", got)
			}
			if tt.name == "one done record" {
				verify(t, b, archive.VerifyOptions{}).clean(t)
			}
		})
	}
}

// TestDeletedDoneOfALoss: the record that counts may name a lost record, and a file may have been lost as a whole.
func TestDeletedDoneOfALoss(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	natstest.Publish(t, nc, 6, func(int) *nats.Msg { return &nats.Msg{Subject: "s.1", Data: []byte("1")} })
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	b := build(t, 0)
	created := stream.CachedInfo().Created
	opening := *b.head.Plan
	opening.Stream.Created, opening.Incarnation = created, cutlog.IncarnationID("S", "S", created, 1)
	b.plan(&opening)
	b.done(nil)
	p := b.next(map[string][]uint64{"a": {1, 2}, "b": {3}})
	b.plan(p)
	b.lose(1, map[int][]uint64{0: {1}, 1: {3}})
	b.file(p.Blocks[0], cutlog.NewSeqSet(1))
	b.done(nil)
	done := b.o[cutlog.DoneName("S", 2)]
	b.cut(map[string][]uint64{"a": {4}})
	delete(b.o, cutlog.DoneName("S", 2))
	store := b.o.bucket(t)
	o := captureOptions(store, "S", record{"ndjson", "payload"})
	o.NATSStreamName = "S"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_ = o.Build().Run(ctx, nc) // what the stream holds does not matter here
	if got := read(t, store)[cutlog.DoneName("S", 2)]; !bytes.Equal(got, done) {
		t.Errorf("done 2 is %q, want %q", got, done)
	}
}
