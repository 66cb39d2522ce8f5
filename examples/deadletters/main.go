// Deadletters captures orders with a Store of the API of v0.1.0. It passes messages that are not orders to a sink of
// its own, a file of JSON lines. With Options.Archive no sink is needed, because the archive keeps the dead letters.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/jetcapture/jetcapture"
	"github.com/nats-io/nats.go"
)

// Order is the payload.
type Order struct {
	ID    int     `json:"id"`
	Total float64 `json:"total"`
}

func main() {
	server := flag.String("server", nats.DefaultURL, "NATS server")
	stream := flag.String("stream", "ORDERS", "stream to capture")
	consumer := flag.String("consumer", "orders", "durable consumer to read through, created when it is missing")
	output := flag.String("output", "orders", "folder for the files")
	letters := flag.String("letters", "dead-letters.ndjson", "file that the dead letters are appended to")
	once := flag.Bool("once", false, "end when what the consumer has pending now is stored")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	nc, err := nats.Connect(*server)
	if err != nil {
		log.Fatal(err)
	}
	options := &jetcapture.Options[*Order, string]{
		NATSStreamName:   *stream,
		NATSConsumerName: *consumer,
		CreateConsumer:   true,
		Once:             *once,
		Suffix:           "ndjson",
		MessageDecoder:   decode,
		WriterFactory: func() jetcapture.FormattedDataWriter[*Order] {
			return &jetcapture.NewLineDelimitedJSON[*Order]{}
		},
		Store:       jetcapture.SingleDirStore[string](*output),
		Poison:      jetcapture.PoisonDeadLetter,
		DeadLetters: appendTo(*letters),
	}
	err = options.Build().Run(ctx, nc)
	nc.Close()
	if err != nil {
		log.Fatal(err)
	}
}

func decode(msg *nats.Msg) (*Order, string, error) {
	var order Order
	if err := json.Unmarshal(msg.Data, &order); err != nil {
		return nil, "", err
	}
	if order.ID == 0 {
		return nil, "", errors.New("an order without id")
	}
	return &order, "", nil
}

// appendTo returns a sink that appends each dead letter to a file, as one line. The message is acknowledged when the
// sink returns nil, so the line has to be on the disk then. A letter may come twice, with the same stream sequence.
func appendTo(path string) jetcapture.DeadLetterFunc {
	return func(_ context.Context, letter jetcapture.DeadLetter) error {
		line, err := json.Marshal(letter)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return err
		}
		_, err = f.Write(append(line, '\n'))
		return errors.Join(err, f.Sync(), f.Close())
	}
}
