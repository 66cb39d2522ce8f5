// Command v010readme runs the example of the README of jetcapture v0.1.0, which is in options.go word for word. The
// example names neither a stream nor a consumer, so this program does. It captures the stream PEOPLE through the
// durable consumer backup into ./backup/REGION/...csv.gz.
//
//	nats stream add PEOPLE --subjects 'people.>' --defaults
//	nats consumer add PEOPLE backup --pull --ack explicit --defaults
//	nats pub people.new '{"first_name":"Ada","last_name":"Lovelace","region":"eu"}'
//	go run ./examples/v010readme
//
// Stop it with Ctrl-C. It stores what it has read.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/nats-io/nats.go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	url := os.Getenv("NATS_URL")
	if url == "" {
		url = nats.DefaultURL
	}
	if err := run(ctx, url); err != nil {
		fmt.Fprintln(os.Stderr, "v010readme:", err)
		os.Exit(1)
	}
}

// run captures until ctx ends.
func run(ctx context.Context, url string) error {
	nc, err := nats.Connect(url)
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	defer nc.Close()
	options := *JSONToLocalFsCSV
	options.NATSStreamName = "PEOPLE"
	options.NATSConsumerName = "backup"
	return options.Build().Run(ctx, nc)
}
