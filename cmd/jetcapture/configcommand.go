package main

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/urfave/cli/v2"
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

Flags override the environment (NATS_URL and so on), and the environment overrides the file, both for
all of its captures.
`

const validateHelp = `jetcapture validate says everything that is wrong with the options of jetcapture run, those of a
configuration file as well. It connects to nothing. Exit codes: 0 sound, 2 not.

Usage:
  jetcapture validate [OPTIONS of jetcapture run]
`

func configCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "config", Usage: "print the options of a run as a configuration file", CustomHelpTemplate: configHelp, Flags: flagsOf(allOptions()),
		Action: func(ctx *cli.Context) error {
			all, err := readSettings(ctx, c.getenv)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.stdout, configText(all))
			return err
		},
	}
}

func validateCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "validate", Usage: "check options and a configuration file", CustomHelpTemplate: validateHelp, Flags: flagsOf(allOptions()),
		Action: func(ctx *cli.Context) error {
			all, err := readSettings(ctx, c.getenv)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.stdout, "%s: nothing is wrong with the options\n", counted(int64(len(all)), "capture"))
			return err
		},
	}
}

// configText is the configuration file that says the same as the settings, but for secrets.
func configText(all []*settings) string {
	var b strings.Builder
	several := all[0].name != ""
	for _, o := range allOptions() {
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
		for _, o := range allOptions() {
			if o.key() != "" && !o.process && o.name != "capture" {
				writeOption(&b, "    ", o, s)
			}
		}
	}
	return b.String()
}

// writeOption writes an option, if it has a value.
func writeOption(b *strings.Builder, indent string, o option, s *settings) {
	v := o.of(s)
	if list, ok := v.(repeatable); ok {
		for i, text := range list.texts() {
			if i == 0 {
				fmt.Fprintf(b, "%s%s:\n", indent, o.key())
			}
			fmt.Fprintf(b, "%s  - %s\n", indent, scalarText(text))
		}
		return
	}
	text := cmp.Or(v.String(), s.implied(o.name))
	switch {
	case text == "":
		return
	case o.only && o.name != "nats-user":
		text = redacted
	case o.name == "nats-server":
		text = strings.Join(withoutUsers(splitServers(text)), ",")
	case o.name == "output":
		text = withoutSecrets(text)
	}
	fmt.Fprintf(b, "%s%s: %s\n", indent, o.key(), scalarText(text))
}

// implied is what an option without a value comes to, where that depends on other options and on nothing else.
func (s *settings) implied(name string) string {
	switch {
	case name == "compression":
		return string(s.compression())
	case name == "capture":
		return s.library.NATSStreamName
	case name == "nats-server" && s.nats.context == "":
		return nats.DefaultURL
	}
	return ""
}

// redacted stands for a secret.
const redacted = "<redacted>"

// withoutSecrets takes user, password and keys out of the URL of a store.
func withoutSecrets(place string) string {
	if !isStore(place) {
		return place
	}
	u, err := url.Parse(place)
	if err != nil {
		return redacted
	}
	if u.User != nil {
		u.User = url.User("redacted")
	}
	query := u.Query()
	for name := range query {
		if regexp.MustCompile(`(?i)key|secret|token|password|sig|credential`).MatchString(name) {
			query.Set(name, "redacted")
		}
	}
	u.RawQuery = query.Encode()
	return u.String()
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
