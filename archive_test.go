package jetcapture_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestArchiveOnce(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	natstest.Publish(t, nc, 1000, func(i int) *nats.Msg {
		return &nats.Msg{Subject: fmt.Sprintf("orders.%d", i%4), Data: []byte(fmt.Sprintf(`{"i":%d}`, i))}
	})
	b := bucket.NewMem()
	o := jetcapture.Options[json.RawMessage, string]{
		NATSStreamName: "ORDERS", Compression: jetcapture.GZip, Suffix: "ndjson", Once: true,
		MessageDecoder: func(m *nats.Msg) (json.RawMessage, string, error) { return m.Data, m.Subject, nil },
		WriterFactory: func() jetcapture.FormattedDataWriter[json.RawMessage] {
			return &jetcapture.NewLineDelimitedJSON[json.RawMessage]{}
		},
		Archive: jetcapture.Archive[string]{Bucket: b},
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c := o.Build()
	if err := c.Run(ctx, nc); err != nil {
		t.Fatal(err)
	}
	for info := range b.List(ctx, "", "") {
		t.Log(info.Name, info.Size)
	}
	t.Logf("%+v", c.Stats())
}
