package main

import (
	"fmt"
	"strings"

	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// plain is the configuration as jetcapture run reads it, with comments on what to choose next.
func (s *initSettings) plain(found []streamSeen) string {
	var b strings.Builder
	s.writeConnection(&b)
	b.WriteString("\n# The stream, or several by a pattern such as 'ORDERS-*'.\n")
	fmt.Fprintf(&b, "stream_name: %s\n", scalarText(s.stream))
	for _, one := range s.chosen(found) {
		if one.retention != jetstream.LimitsPolicy {
			b.WriteString("# What is stored is acknowledged, and so deleted from this stream.\nconsumer_name: jetcapture\n")
			break
		}
	}
	b.WriteString("# The archive: a folder, or s3://, gs:// or azblob:// with a bucket.\n")
	fmt.Fprintf(&b, "output: %s\n", scalarText(s.output))
	b.WriteString(initChoices)
	if !s.helm { // the chart says it
		b.WriteString("# Metrics, probes and a page for browsers, for this machine only.\n# http: :9464\n")
	}
	return b.String()
}

// initChoices are the options that most captures come to choose, with their defaults.
const initChoices = `
# A directory for each value, such as subject[2], json:customer.id or header:Region.
# key: ["subject[2]"]
# ndjson, csv, parquet, avro, or raw, which can be restored byte by byte.
# format: ndjson
# A file holds messages of one window of time.
# max_age: 15m
`

// writeConnection writes what the user has said about the server, without secrets.
func (s *initSettings) writeConnection(b *strings.Builder) {
	said := false
	for _, o := range s.nats.options() {
		text := o.value.String()
		switch {
		case s.origins[o.name] == byDefault || text == "" || o.envOnly:
		case strings.Contains(text, "@"):
			b.WriteString("# The server's URL has a user or a token: keep it in NATS_URL, in the environment.\n")
			said = true
		default:
			fmt.Fprintf(b, "%s: %s\n", o.key(), scalarText(text))
			said = true
		}
	}
	selected := natsconn.Selected()
	switch {
	case said:
	case selected != "":
		fmt.Fprintf(b, "nats_context: %s\n", scalarText(selected))
	default:
		fmt.Fprintf(b, "nats_server: %s\n", scalarText(nats.DefaultURL))
	}
	switch {
	case s.origins["nats-creds"] != byDefault:
	case s.systemd:
		b.WriteString("# From /etc/credstore/jetcapture." + s.title() + ".creds, if the server wants credentials.\n" +
			"# nats_creds: ${CREDENTIALS_DIRECTORY}/nats.creds\n")
	case s.helm:
		b.WriteString("# From the secret nats, which secretFiles: [nats] makes a folder.\n" +
			"# nats_creds: /etc/jetcapture/secrets/nats/nats.creds\n")
	default:
		b.WriteString("# Secrets stay in files of their own.\n# nats_creds: /etc/jetcapture/nats.creds\n")
	}
}

// configuration is the text of the file: the configuration, or the values of the chart around it.
func (s *initSettings) configuration(found []streamSeen) string {
	const head = "# All options: jetcapture run --help, and docs/COMMAND.md. jetcapture doctor examines the file.\n"
	plain := s.plain(found)
	if !s.helm {
		return head + plain
	}
	var b strings.Builder
	b.WriteString("# Values of the chart deploy/helm/jetcapture. All options of config: docs/COMMAND.md.\nconfig:\n")
	for line := range strings.Lines(plain) {
		if line != "\n" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	if !isStore(s.output) {
		b.WriteString("\n# The archive is in a folder, which needs a volume: the claim is mounted there.\n" +
			"persistence:\n  existingClaim: \"\"   # write the name of a claim\n  mountPath: " + scalarText(s.output) + "\n")
	}
	return b.String()
}
