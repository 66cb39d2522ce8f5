package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

const (
	helpWidth  = 100 // columns
	helpIndent = 32  // of the explanations
)

// rootHelp is the help of the program. (It is a template of package cli that holds no action.)
func rootHelp(commands []*cli.Command) string {
	var b strings.Builder
	b.WriteString(`jetcapture copies NATS JetStream streams, continuously, into immutable files that people can query.

Usage:
  jetcapture COMMAND [OPTIONS]

Commands:
`)
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-10s %s\n", c.Name, c.Usage)
	}
	b.WriteString(`
jetcapture COMMAND --help explains a command. Start with: jetcapture demo
`)
	return b.String()
}

const runIntroduction = `jetcapture run copies a stream into files in a folder or a bucket, until SIGTERM or SIGINT.

Usage:
  jetcapture run --stream-name NAME --output PLACE [OPTIONS]

Examples:
  Everything that stream ORDERS holds and will get, a JSON line a message, in files of 15 minutes:
    jetcapture run -s ORDERS -o /var/archive

  What it holds now, then end. Directories of the subject's second token and of the JSON payload:
    jetcapture run -s ORDERS -o /var/archive --once \
      --key store=subject[2] --key currency=json:total.currency

  The payloads alone, in hourly zstd files, of two subjects, as a capture of its own:
    jetcapture run -s ORDERS -o /var/archive --capture orders-eu \
      --filter-subject 'orders.de.>' --filter-subject 'orders.fr.>' \
      --record payload --compression zstd --max-age 1h

  Into a bucket:
    jetcapture run -s ORDERS -o 's3://my-archive/orders?region=eu-central-1'

  A table:
    jetcapture run -s ORDERS -o /var/archive --format parquet --column id:int64=json:id \
      --column 'total:decimal(18,2)=json:total.amount' --column placed:timestamp=time

  A work queue: what is stored is acknowledged, and so deleted. Server and credentials are those of
  a context of the nats command:
    jetcapture run -s JOBS -o /var/archive --consumer-name archive --nats-context production

PLACE is a folder, or a bucket with a prefix: s3://BUCKET/PREFIX?region=REGION, gs://BUCKET/PREFIX
or azblob://CONTAINER/PREFIX?storage_account=ACCOUNT. Credentials come from the environment; rights
and more parameters are in docs/STORES.md.

The files are at PLACE/KEY.../YYYY/MM/DD/HH/mm/CAPTURE-INCARNATION-FIRST-LAST.FORMAT.CODEC, where
the time is the start of the window (UTC) and FIRST and LAST are stream sequences. Dead letters are
below PLACE/_deadletter, the log of the captures is in PLACE/_jetcapture. Started again with the
same stream and place, a capture goes on where it was.

SOURCE is where in a message a key or a column comes from:
  subject        the whole subject
  subject[N]     its Nth token; tokens count from 1
  header:NAME    the first value of a header
  json:PATH      a value of the JSON payload, such as json:items.0.sku
  payload        the payload as it is
  seq            the stream sequence
  time           the time at which the stream took the message, UTC
A key without a value goes to the directory NAME=_none or %5Fnone. A JSON object or array as a key
makes the message poison; so does a payload that is not JSON where --record payload with a json: key
needs it to be. What does not fit a column is kept as --on-mismatch says.

Sizes are bytes or as in 64MiB (binary) and 128MB (decimal), durations as in 90s, 15m or 1h30m. A
switch that is on by default is turned off as in --buffer-to-disk=false.
`

const runConclusion = `
Flags override the environment. A context is overridden by what is given in the same way as its name
is, flag or environment, or in a stronger way. There are no flags for passwords and tokens: every
user of a machine can see the command lines.

Exit codes: 0 done or stopped cleanly, 1 failed, 2 wrong usage, 130 given up at a second signal.
`

// runHelp is the help of the command run.
func runHelp() string {
	var b strings.Builder
	b.WriteString(runIntroduction)
	for _, g := range groups() {
		fmt.Fprintf(&b, "\n%s:\n", g.title)
		for _, o := range g.options {
			b.WriteString(optionHelp(o))
		}
	}
	b.WriteString(runConclusion)
	return b.String()
}

// optionHelp is the lines of one option.
func optionHelp(o option) string {
	head := "  --" + o.name
	switch {
	case o.only:
		head = "  " + o.env
	case o.alias != "":
		head = "  -" + o.alias + ", --" + o.name
	}
	if o.arg != "" {
		head += " " + o.arg
	}
	lines := wrap(o.help+defaultHelp(o), helpWidth-helpIndent)
	if len(head) > helpIndent-2 {
		head += "\n" + strings.Repeat(" ", helpIndent)
	} else {
		head = fmt.Sprintf("%-*s", helpIndent, head)
	}
	return head + strings.Join(lines, "\n"+strings.Repeat(" ", helpIndent)) + "\n"
}

// defaultHelp is the default and the environment variable of an option.
func defaultHelp(o option) string {
	var notes []string
	v := o.of(defaults())
	_, isSwitch := v.(switched)
	if s := v.String(); s != "" && s != "0" && s != "0s" && !(isSwitch && s == "false") {
		notes = append(notes, "default: "+strings.Replace(s, "true", "on", 1))
	}
	if o.env != "" && !o.only {
		notes = append(notes, "environment: "+o.env)
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

// wrap breaks a text into lines of at most width bytes, at blanks.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
