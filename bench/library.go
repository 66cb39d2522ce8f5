package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/nats-io/nats.go"
)

// librarySettings are the flags of all parts that use the library.
type librarySettings struct {
	url, stream, output string
	logInMemory         bool
}

// libraryFlags returns the flags of a part, and where they are stored.
func libraryFlags(part string, stderr io.Writer) (*flag.FlagSet, *librarySettings) {
	flags := flag.NewFlagSet("bench "+part, flag.ContinueOnError)
	flags.SetOutput(stderr)
	var s librarySettings
	flags.StringVar(&s.url, "url", nats.DefaultURL, "server")
	flags.StringVar(&s.stream, "stream", "orders", "stream to read")
	flags.StringVar(&s.output, "output", "", "directory of the archive")
	return flags, &s
}

// archiveOnce captures what the stream holds now into an archive.
func archiveOnce[P jetcapture.Payload, K jetcapture.DestKey](
	ctx context.Context, s *librarySettings, o *jetcapture.Options[P, K], stderr io.Writer,
) (err error) {
	dir, err := bucket.OpenDir(s.output)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	nc, err := nats.Connect(s.url)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.url, err)
	}
	defer nc.Close()
	o.NATSStreamName, o.BufferToDisk, o.Once = s.stream, true, true
	o.Archive = jetcapture.ArchiveOptions[K]{Bucket: dir}
	if s.logInMemory {
		o.Archive.Bucket = newSplitBucket(dir)
	}
	o.Logger = slog.New(slog.NewTextHandler(stderr, nil))
	return o.Build().Run(ctx, nc)
}
