// Basic captures a stream of orders, which are JSON, into an archive in a local folder: compressed NDJSON, one folder
// for each region, each order in exactly one place. Stop it with Ctrl-C. It stores what it has read, and the next start
// goes on after that.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/nats-io/nats.go"
)

// Order is the payload: what the decoder makes of a message, and what becomes a line.
type Order struct {
	ID     int     `json:"id"`
	Region string  `json:"region"`
	Total  float64 `json:"total"`
}

func main() {
	server := flag.String("server", nats.DefaultURL, "NATS server")
	stream := flag.String("stream", "ORDERS", "stream to capture")
	output := flag.String("output", "orders-archive", "folder of the archive")
	once := flag.Bool("once", false, "end when what the stream holds now is stored")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := capture(ctx, *server, *stream, *output, *once); err != nil {
		log.Fatal(err)
	}
}

func capture(ctx context.Context, server, stream, output string, once bool) error {
	archive, err := bucket.OpenDir(output)
	if err != nil {
		return err
	}
	defer archive.Close()
	nc, err := nats.Connect(server)
	if err != nil {
		return err
	}
	defer nc.Close()

	options := &jetcapture.Options[*Order, string]{
		NATSStreamName: stream,
		Once:           once,
		Compression:    jetcapture.GZip,
		Suffix:         "ndjson",
		MaxAge:         15 * time.Minute, // a file holds the orders of one region and one quarter of an hour

		// The key is the region: the orders of a region share a folder.
		MessageDecoder: func(msg *nats.Msg) (*Order, string, error) {
			var order Order
			if err := json.Unmarshal(msg.Data, &order); err != nil {
				return nil, "", err
			}
			return &order, order.Region, nil
		},
		WriterFactory: func() jetcapture.FormattedDataWriter[*Order] {
			return &jetcapture.NewLineDelimitedJSON[*Order]{}
		},
		Archive: jetcapture.ArchiveOptions[string]{Bucket: archive},

		// Messages that are no orders are kept in the archive, below _deadletter.
		Poison: jetcapture.PoisonDeadLetter,
	}
	return options.Build().Run(ctx, nc)
}
