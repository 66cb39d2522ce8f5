// Command appskeleton is a complete capture program made with jetcapture.NewAppSkeleton, as in v0.1.0. It writes the
// messages of a stream as newline-delimited JSON, in one directory for each subject. The flags for the connection, the
// stream and the files come with the skeleton.
//
//	go run ./examples/appskeleton --stream-name ORDERS --consumer-name backup --output ./backup
//
// Stop it with Ctrl-C. It stores what it has read.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/jetcapture/jetcapture"
	"github.com/urfave/cli/v2"
)

func main() {
	if err := newApp().Run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "appskeleton:", err)
		os.Exit(1)
	}
}

func newApp() *cli.App {
	app := jetcapture.NewAppSkeleton(setup)
	app.Name = "appskeleton"
	app.Usage = "write a stream into files, grouped by subject"
	app.Flags = append(app.Flags, &cli.PathFlag{Name: "output", Usage: "`DIRECTORY` to write to", Required: true})
	return app
}

// setup completes the options that the skeleton has filled from its flags.
func setup(c *cli.Context, options *jetcapture.Options[*jetcapture.NatsMessage, string]) error {
	output := c.Path("output")
	options.Suffix = "ndjson"
	options.MessageDecoder = jetcapture.NatsToNats(jetcapture.SubjectToDestKey)
	options.WriterFactory = func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
		return &jetcapture.NewLineDelimitedJSON[*jetcapture.NatsMessage]{}
	}
	options.Store = &jetcapture.LocalFSStore[string]{Resolver: func(subject string) (string, error) {
		return filepath.Join(output, jetcapture.EscapePath(subject)), nil
	}}
	return nil
}
