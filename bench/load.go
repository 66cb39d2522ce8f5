package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// loadStream is the name of a stream of many.
func loadStream(i int) string { return fmt.Sprintf("load-%04d", i) }

// runLoad is the part "load". It makes many streams with a few messages in each, or publishes to all of them in turn
// for a time.
func runLoad(ctx context.Context, args []string, _, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench load", flag.ContinueOnError)
	flags.SetOutput(stderr)
	url := flags.String("url", nats.DefaultURL, "server")
	streams := flags.Int("streams", 1, "number of streams")
	messages := flags.Int("messages", 10, "messages of each new stream")
	rate := flags.Int("rate", 100, "messages a second")
	over := flags.Duration("over", 0, "publish for so long; 0 makes the streams")
	if err := flags.Parse(args); err != nil {
		return usage(err)
	}
	nc, err := nats.Connect(*url)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", *url, err)
	}
	defer nc.Close()
	if *over > 0 {
		return publishInTurn(ctx, nc, *streams, *rate, *over)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	for i := range *streams {
		name := loadStream(i)
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".*"}})
		if err != nil {
			return fmt.Errorf("create stream %s: %w", name, err)
		}
	}
	for i := range *streams * *messages {
		if _, err := js.Publish(ctx, loadStream(i%*streams)+".x", []byte(loadPayload)); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return nil
}

// loadPayload is what each message has.
const loadPayload = `{"id":4711,"store":"berlin","total":19.90}`

// publishInTurn publishes to the streams in turn, at a rate. The server takes the messages when nobody waits for it.
func publishInTurn(ctx context.Context, nc *nats.Conn, streams, rate int, over time.Duration) error {
	const beats = 20 // a second
	tick := time.NewTicker(time.Second / beats)
	defer tick.Stop()
	end := time.After(over)
	for i := 0; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return nc.Flush()
		case <-tick.C:
		}
		for range rate / beats {
			if err := nc.Publish(loadStream(i%streams)+".x", []byte(loadPayload)); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
			i++
		}
	}
}
