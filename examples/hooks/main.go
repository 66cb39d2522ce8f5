// Hooks captures whole messages, grouped by their subject, and prints what it does: a line for each file and each cut,
// and the counters at the end.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/nats-io/nats.go"
)

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

	c := (&jetcapture.Options[*jetcapture.NatsMessage, string]{
		NATSStreamName: stream,
		Once:           once,
		Compression:    jetcapture.Zstd,
		Suffix:         "ndjson",
		MessageDecoder: jetcapture.NatsToNats(jetcapture.SubjectToDestKey),
		WriterFactory: func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
			return &jetcapture.NewLineDelimitedJSON[*jetcapture.NatsMessage]{}
		},
		Archive: jetcapture.ArchiveOptions[string]{Bucket: archive},
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Hooks: jetcapture.Hooks{
			BlockStored: func(b jetcapture.BlockStored) {
				fmt.Printf("file %s: %d messages, %d bytes\n", b.Location, b.Messages, b.Size)
			},
			CutDone: func(c jetcapture.CutDone) {
				fmt.Printf("cut %d (%s): sequences %d to %d in %d files\n", c.N, c.Reason, c.From+1, c.To, c.Blocks)
			},
		},
	}).Build()
	err = c.Run(ctx, nc)

	s := c.Stats()
	fmt.Printf("read %d messages, stored %d files in %d cuts, sequences %d to %d\n", s.Messages, s.Blocks,
		s.Cuts, s.ResumedSeq+1, s.StoredSeq)
	return err
}
