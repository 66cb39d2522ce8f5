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

// runBare is the part "bare": the client's own ordered consumer, counting messages up to the stream's last one. It is what every job is
// compared with: the least that a program can do with a stream.
func runBare(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench bare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	url := flags.String("url", nats.DefaultURL, "server")
	name := flags.String("stream", "orders", "stream to read")
	maxBytes := flags.Int("pull-max-bytes", 0, "bytes of a pull (0: limit messages)")
	maxMessages := flags.Int("pull-max-messages", 0, "messages of a pull (0: limit bytes)")
	if err := flags.Parse(args); err != nil {
		return usage(err)
	}
	nc, err := nats.Connect(*url)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", *url, err)
	}
	defer nc.Close()
	var limit jetstream.PullConsumeOpt = jetstream.PullMaxBytes(*maxBytes)
	if *maxMessages > 0 {
		limit = jetstream.PullMaxMessages(*maxMessages)
	}
	n, err := count(ctx, nc, *name, limit)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", *name, err)
	}
	_, err = fmt.Fprintln(stdout, n)
	return err
}

// count reads the messages that the stream holds at the start and returns their number.
func count(ctx context.Context, nc *nats.Conn, name string, limit jetstream.PullConsumeOpt) (uint64, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	s, err := js.Stream(ctx, name)
	if err != nil {
		return 0, err
	}
	consumer, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return 0, err
	}
	want := s.CachedInfo().State.Msgs
	if want == 0 {
		return 0, nil
	}
	var n uint64 // written by the consumer's goroutine until done is closed
	done := make(chan struct{})
	consuming, err := consumer.Consume(func(jetstream.Msg) {
		if n++; n == want {
			close(done)
		}
	}, limit, jetstream.PullExpiry(30*time.Second), jetstream.PullHeartbeat(5*time.Second))
	if err != nil {
		return 0, err
	}
	defer consuming.Stop()
	select {
	case <-done:
		return want, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
