package jetcapture_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path"
	"strings"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Example captures what a stream of orders holds, grouped by region, into an archive in a folder. Without Once it would
// follow the stream until its context ends.
func Example() {
	ctx := context.Background()
	nc, stop := exampleStream()
	defer stop()
	folder, err := os.MkdirTemp("", "orders-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)

	type order struct {
		ID     int    `json:"id"`
		Region string `json:"region"`
	}
	archive, err := bucket.OpenDir(folder)
	if err != nil {
		panic(err)
	}
	options := jetcapture.Options[*order, string]{
		NATSStreamName: "ORDERS",
		Once:           true,
		Compression:    jetcapture.GZip,
		Suffix:         "ndjson",
		MessageDecoder: func(msg *nats.Msg) (*order, string, error) {
			var o order
			err := json.Unmarshal(msg.Data, &o)
			return &o, o.Region, err
		},
		WriterFactory: func() jetcapture.FormattedDataWriter[*order] {
			return &jetcapture.NewLineDelimitedJSON[*order]{}
		},
		Archive: jetcapture.ArchiveOptions[string]{Bucket: archive},
		Poison:  jetcapture.PoisonDeadLetter, // what is no order is kept whole, below _deadletter
		Hooks: jetcapture.Hooks{BlockStored: func(b jetcapture.BlockStored) {
			below := strings.TrimPrefix(b.Location, archive.String()+"/")
			top, _, _ := strings.Cut(below, "/")
			fmt.Println(top, path.Ext(below), b.Messages)
		}},
		Logger:       slog.New(slog.DiscardHandler),
		StoreWorkers: 1, // so that this example prints its files in order
	}
	capture := options.Build()
	if err := capture.Run(ctx, nc); err != nil {
		panic(err)
	}
	fmt.Println("stored up to sequence", capture.Stats().StoredSeq)
	// Output:
	// eu .gz 2
	// us .gz 1
	// _deadletter .gz 1
	// stored up to sequence 4
}

// exampleStream starts a server inside this process with some orders in the stream ORDERS.
func exampleStream() (nc *nats.Conn, stop func()) {
	folder, err := os.MkdirTemp("", "nats-")
	if err != nil {
		panic(err)
	}
	srv, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: folder, NoLog: true})
	if err != nil {
		panic(err)
	}
	srv.Start()
	if nc, err = nats.Connect("", nats.InProcessServer(srv)); err != nil {
		panic(err)
	}
	js, err := nc.JetStream()
	if err != nil {
		panic(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "ORDERS", Subjects: []string{"orders"}}); err != nil {
		panic(err)
	}
	for _, order := range []string{`{"id":1,"region":"eu"}`, `{"id":2,"region":"us"}`, "three", `{"id":4,"region":"eu"}`} {
		if _, err := js.Publish("orders", []byte(order)); err != nil {
			panic(err)
		}
	}
	return nc, func() {
		nc.Close()
		srv.Shutdown()
		srv.WaitForShutdown()
		_ = os.RemoveAll(folder)
	}
}
