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

// runBare is the part "bare": the client's own consumer, which counts messages up to the stream's last one. That is the
// least that a program can do with a stream, and every job is compared with it.
func runBare(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench bare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	url := flags.String("url", nats.DefaultURL, "server")
	name := flags.String("stream", "orders", "stream to read")
	maxBytes := flags.Int("pull-max-bytes", 0, "bytes of a pull (0: limit messages)")
	maxMessages := flags.Int("pull-max-messages", 0, "messages of a pull (0: limit bytes)")
	durable := flags.String("durable", "",
		"durable consumer to make and read through, acknowledging each message (default: an ordered one, without acks)")
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
	n, err := count(ctx, nc, *name, *durable, limit)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", *name, err)
	}
	_, err = fmt.Fprintln(stdout, n)
	return err
}

// count reads the messages that the stream holds at the start, and returns their number.
func count(ctx context.Context, nc *nats.Conn, name, durable string, limit jetstream.PullConsumeOpt) (uint64, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	s, err := js.Stream(ctx, name)
	if err != nil {
		return 0, err
	}
	consumer, err := bareConsumer(ctx, s, durable)
	if err != nil {
		return 0, err
	}
	want := s.CachedInfo().State.Msgs
	if want == 0 {
		return 0, nil
	}
	var n uint64 // written by the consumer's goroutine until it sends to done
	done := make(chan error, 1)
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		n++
		var err error
		switch {
		case durable != "" && n == want:
			err = m.DoubleAck(ctx) // also confirms all acks sent before
		case durable != "":
			err = m.Ack()
		}
		if n == want || err != nil {
			select {
			case done <- err:
			default: // the first error is enough
			}
		}
	}, limit, jetstream.PullExpiry(30*time.Second), jetstream.PullHeartbeat(5*time.Second))
	if err != nil {
		return 0, err
	}
	defer consuming.Stop()
	select {
	case err := <-done:
		return want, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// bareConsumer makes an ordered consumer or, with a name, a durable one with the settings of the jetcapture command.
func bareConsumer(ctx context.Context, s jetstream.Stream, durable string) (jetstream.Consumer, error) {
	if durable == "" {
		return s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	}
	return s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: durable, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, MaxAckPending: 1_000_000,
		MaxDeliver: -1,
	})
}
