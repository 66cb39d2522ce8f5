package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// stream describes a stream that is published once and read by every job that names it.
type stream struct {
	name  string // of the JetStream stream; its subjects are name.<key>
	keys  int
	size  int // bytes of a payload
	share int // the stream holds 1/share of -messages
}

// allStreams returns the streams that jobs can read.
func allStreams() []stream {
	return []stream{
		{name: "orders", keys: 4, size: 190, share: 1},
		{name: "orders5000", keys: 5000, size: 190, share: 1},
		{name: "orders100000", keys: 100_000, size: 190, share: 1},
		{name: "orders4k", keys: 4, size: 4 << 10, share: 4},
		{name: "orders1m", keys: 4, size: 1_000_000, share: 2000}, // just below the server's default max_payload
		{name: "acked", keys: 4, size: 190, share: 1},             // orders again, for durable consumers
	}
}

// messages returns how many messages of a total s holds.
func (s stream) messages(total int) int { return max(1, total/s.share) }

// bytes returns the size of all payloads.
func (s stream) bytes(total int) int64 { return int64(s.messages(total)) * int64(s.size) }

// runPublish is the part "publish". It creates a stream with messages that depend only on the flags.
func runPublish(ctx context.Context, args []string, _, stderr io.Writer) (err error) {
	var s stream
	flags := flag.NewFlagSet("bench publish", flag.ContinueOnError)
	flags.SetOutput(stderr)
	url := flags.String("url", nats.DefaultURL, "server")
	flags.StringVar(&s.name, "stream", "orders", "name of the new stream")
	flags.IntVar(&s.keys, "keys", 4, "number of keys")
	flags.IntVar(&s.size, "size", 190, "bytes of a payload")
	messages := flags.Int("messages", 1_000_000, "number of messages")
	if err := flags.Parse(args); err != nil {
		return usage(err)
	}
	nc, err := nats.Connect(*url)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", *url, err)
	}
	defer nc.Close()
	return publish(ctx, nc, s, *messages)
}

// publish creates a stream and stores its messages.
func publish(ctx context.Context, nc *nats.Conn, s stream, messages int) error {
	// The handler is called for each failed message. The first error is enough.
	failed := make(chan error, 1)
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) {
			select {
			case failed <- err:
			default:
			}
		}))
	if err != nil {
		return err
	}
	created, err := js.CreateStream(ctx,
		jetstream.StreamConfig{Name: s.name, Subjects: []string{s.name + ".*"}, Storage: jetstream.FileStorage})
	if err != nil {
		return fmt.Errorf("create stream %s: %w", s.name, err)
	}
	g := newGenerator(s)
	for range messages {
		subject, payload := g.next()
		if _, err := js.PublishAsync(subject, payload, jetstream.WithStallWait(30*time.Second)); err != nil {
			return fmt.Errorf("publish to stream %s: %w", s.name, err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-ctx.Done():
		return ctx.Err()
	}
	info, err := created.Info(ctx)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", s.name, err)
	}
	if info.State.Msgs != uint64(messages) {
		select {
		case err = <-failed:
		default:
			err = errors.New("no message was refused")
		}
		return fmt.Errorf("stream %s holds %d of %d messages: %w", s.name, info.State.Msgs, messages, err)
	}
	return nil
}
