package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/nats-io/nats.go"
)

// examplePayload is the payload of the README example of v0.1.0.
type examplePayload struct {
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Region    string `json:"region"`
}

// csvOptions are those of the README example of v0.1.0, with another store: the user's own decoder, with encoding/json
// in one goroutine, and the user's own rows.
func csvOptions() *jetcapture.Options[*examplePayload, string] {
	return &jetcapture.Options[*examplePayload, string]{
		Compression: jetcapture.GZip,
		Suffix:      "csv",
		MaxAge:      time.Hour,
		MessageDecoder: func(msg *nats.Msg) (*examplePayload, string, error) {
			var p examplePayload
			if err := json.Unmarshal(msg.Data, &p); err != nil {
				return nil, "", err
			}
			return &p, p.Region, nil
		},
		WriterFactory: func() jetcapture.FormattedDataWriter[*examplePayload] {
			return jetcapture.NewCSVWriter([]string{"first_name", "last_name", "region"},
				func(p *examplePayload) ([][]string, error) {
					return [][]string{{p.FirstName, p.LastName, p.Region}}, nil
				})
		},
	}
}

// runCSV is the part "csv": a program that uses the library as the README example of v0.1.0 does, into an archive,
// once.
func runCSV(ctx context.Context, args []string, _, stderr io.Writer) error {
	flags, s := libraryFlags("csv", stderr)
	if err := flags.Parse(args); err != nil {
		return usage(err)
	}
	return archiveOnce(ctx, s, csvOptions(), stderr)
}
