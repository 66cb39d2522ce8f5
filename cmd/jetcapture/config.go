package main

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

const configHelp = `jetcapture config prints the options that jetcapture run would have, defaults included, as a
configuration file. Secrets are not shown.

Usage:
  jetcapture config [OPTIONS of jetcapture run]

A configuration file has the options of jetcapture run --help as keys, with _ for -; those that are
repeatable take a list. With captures, each of several captures has options of its own, and those
beside captures are for all:

  nats_server: nats://nats.example.org
  output: /var/archive
  captures:
    orders:                      # the name of the capture in the archive
      stream_name: ORDERS
      format: parquet
      column: ["id:int64=json:id", "total:decimal(18,2)=json:total"]
    jobs:
      stream_name: JOBS
      consumer_name: archive

Unknown keys are refused, and keys that come twice. ${NAME} is a variable of the environment,
${NAME:-TEXT} has a text for when it is not set, $$ is a $; --expand-env=false leaves all as it is.
nats_user, nats_password and nats_token can be read from a file: nats_password_file.

Flags override the environment (NATS_URL and so on), and the environment overrides the file, both
for all of its captures.
`

func configCommand(c console) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "config",
		Short:             "print the options of a run as a configuration file",
		Long:              configHelp,
		Args:              cobra.ArbitraryArgs, // readSettings refuses them
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := readSettings(cmd, args, c.getenv, os.ReadFile)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.stdout, configText(all))
			return err
		},
	}
	addFlags(cmd, runOptions().all(), c)
	return cmd
}

// configText is a configuration file that says what the settings say. Secrets are redacted.
func configText(all []*settings) string {
	var b strings.Builder
	several := all[0].name != ""
	for _, o := range all[0].options.all() {
		if o.key() != "" && (o.process || !several) {
			writeOption(&b, "", o, all[0])
		}
	}
	if !several {
		return b.String()
	}
	b.WriteString(capturesKey + ":\n")
	for _, s := range all {
		b.WriteString("  " + quoted(s.name) + ":\n")
		for _, o := range s.options.all() {
			if o.key() != "" && !o.process && o.name != "capture" {
				writeOption(&b, "    ", o, s)
			}
		}
	}
	return b.String()
}

// writeOption writes an option, if it has a value.
func writeOption(b *strings.Builder, indent string, o option, s *settings) {
	if list, ok := o.value.(repeatable); ok {
		for i, text := range list.texts() {
			if i == 0 {
				fmt.Fprintf(b, "%s%s:\n", indent, o.key())
			}
			fmt.Fprintf(b, "%s  - %s\n", indent, scalarText(text))
		}
		return
	}
	text := cmp.Or(o.value.String(), s.implied(o.name))
	switch {
	case text == "":
		return
	case o.envOnly && o.name != "nats-user", o.name == "events-webhook": // a key may be in its URL
		text = redacted
	case o.name == "nats-server":
		text = urls.ShowServers(text)
	case o.name == "output":
		text = withoutSecrets(text)
	}
	fmt.Fprintf(b, "%s%s: %s\n", indent, o.key(), scalarText(text))
}

// implied is what an option without a value comes to, where other options alone decide that.
func (s *settings) implied(name string) string {
	switch {
	case name == "compression":
		return string(s.capture.compression())
	case name == "capture" && !s.isPattern():
		return s.capture.library.NATSStreamName
	case name == "nats-server" && s.nats.Context.Text == "":
		return nats.DefaultURL
	}
	return ""
}

// redacted stands for a secret.
const redacted = "<redacted>"

// withoutSecrets takes user, password and keys out of the URL of a store, which parsePlace has accepted.
func withoutSecrets(place string) string {
	if !isStore(place) {
		return place
	}
	u, err := url.Parse(place)
	if err != nil {
		return redacted
	}
	query := u.Query()
	for name, values := range query {
		for i, v := range values {
			values[i] = urls.Show(v)
		}
		if secretName.MatchString(name) {
			query.Set(name, "redacted")
		}
	}
	u.RawQuery = query.Encode()
	return urls.Show(u.String())
}

// scalarText writes a value as YAML, with its $ doubled, so that reading it gives the same text.
func scalarText(text string) string { return quoted(strings.ReplaceAll(text, "$", "$$")) }

// quoted writes a text as YAML.
func quoted(text string) string {
	if regexp.MustCompile(`^[A-Za-z0-9/][A-Za-z0-9_./+%-]*$`).MatchString(text) && !strings.EqualFold(text, "null") {
		return text
	}
	return strconv.Quote(text)
}
