// Csv captures a stream of orders into compressed CSV files in a local folder with the API of v0.1.0: through a durable
// consumer and a Store, each order at least once. The names of the folders come from the messages, so they go through
// EscapePath.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/nats-io/nats.go"
)

// Order is the payload.
type Order struct {
	ID     int     `json:"id"`
	Region string  `json:"region"`
	Total  float64 `json:"total"`
}

func main() {
	server := flag.String("server", nats.DefaultURL, "NATS server")
	stream := flag.String("stream", "ORDERS", "stream to capture")
	consumer := flag.String("consumer", "orders-csv", "durable consumer to read through, created when it is missing")
	output := flag.String("output", "orders-csv", "folder for the files")
	once := flag.Bool("once", false, "end when what the consumer has pending now is stored")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	nc, err := nats.Connect(*server)
	if err != nil {
		log.Fatal(err)
	}
	options := csvByRegion(*output)
	options.NATSStreamName = *stream
	options.NATSConsumerName = *consumer
	options.CreateConsumer = true
	options.Once = *once
	err = options.Build().Run(ctx, nc)
	nc.Close()
	if err != nil {
		log.Fatal(err)
	}
}

// csvByRegion writes orders as rows, one folder for each region.
func csvByRegion(output string) *jetcapture.Options[*Order, string] {
	return &jetcapture.Options[*Order, string]{
		Compression: jetcapture.GZip,
		Suffix:      "csv", // with GZip the names end in .csv.gz
		MaxAge:      time.Hour,

		MessageDecoder: func(msg *nats.Msg) (*Order, string, error) {
			var order Order
			if err := json.Unmarshal(msg.Data, &order); err != nil {
				return nil, "", err
			}
			return &order, order.Region, nil
		},
		WriterFactory: func() jetcapture.FormattedDataWriter[*Order] {
			return jetcapture.NewCSVWriter([]string{"id", "region", "total"}, func(o *Order) ([][]string, error) {
				return [][]string{{strconv.Itoa(o.ID), o.Region, strconv.FormatFloat(o.Total, 'f', 2, 64)}}, nil
			})
		},
		Store: &jetcapture.LocalFSStore[string]{
			Resolver: func(region string) (string, error) {
				// Not filepath.Join(output, region): a region "../../etc" would leave the folder.
				return filepath.Join(output, jetcapture.EscapePath(region)), nil
			},
		},
	}
}
