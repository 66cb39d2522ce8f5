package reader_test

import (
	"errors"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go/jetstream"
)

// A retention that is edited while the stream is read is told at once. An ephemeral consumer hands over what it has
// brought and ends, since the server deletes what it delivers; a durable one goes on.
func TestRetentionEdited(t *testing.T) {
	nc := natstest.Start(t).Connect()
	for _, kind := range []string{"ordered", "durable"} {
		t.Run(kind, func(t *testing.T) {
			cfg := jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}
			natstest.CreateStream(t, nc, cfg)
			natstest.PublishN(t, nc, "s.a", 10)
			var log logged
			src := source(nc, "S")
			r := openers(t, src, &log)[kind]()
			all := readUntil(t, r, 10)
			cfg.Retention = jetstream.InterestPolicy
			if _, err := natstest.JetStream(t, nc).UpdateStream(natstest.Context(t), cfg); err != nil {
				t.Fatal(err)
			}
			natstest.PublishN(t, nc, "s.a", 10)
			if kind == "durable" {
				wantSeqs(t, append(all, readUntil(t, r, 20)...), 1, 20)
				waitUntil(t, r, "line about the retention", func() bool {
					return log.has("WARN", "retention of the stream was changed", "was=Limits", "is=Interest")
				})
				return
			}
			more, err := readError(t, r)
			wantSeqs(t, append(all, more...), 1, 20)
			var edited *reader.RetentionError
			if !errors.As(err, &edited) {
				t.Errorf("got error %v", err)
			}
			log.want(t, "WARN", "retention of the stream was changed", "is=Interest")
			if err := natstest.JetStream(t, nc).DeleteStream(natstest.Context(t), "S"); err != nil {
				t.Fatal(err)
			}
		})
	}
}
