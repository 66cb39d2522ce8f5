package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/spf13/cobra"
)

const getHelp = `jetcapture get prints one message of an archive.

Usage:
  jetcapture get ARCHIVE SEQ [OPTIONS]

Examples:
  What is message 4711 of the stream?
    jetcapture get /var/archive 4711

  Its payload, as it was published:
    jetcapture get /var/archive 4711 --format payload > payload.json

ARCHIVE is what --output of jetcapture run names. SEQ is the stream sequence.
`

const getConclusion = `
If the stream was rolled back or made again, the message is that of the newest life that has one.

Exit codes: 0 printed, 1 the archive does not have it, or failed, 2 wrong usage.
`

// getFormat is how get prints the message.
type getFormat string

const (
	getText    getFormat = "text"
	getJSON    getFormat = "json"
	getPayload getFormat = "payload"
)

// getSettings are what the options of the command get say.
type getSettings struct {
	choice messageChoice
	format getFormat
}

func (s *getSettings) options() optionSet {
	return optionSet{{"What to print", []option{
		{
			name: "capture", arg: "NAME", help: "of this capture; needed if the archive has several",
			value: text(&s.choice.capture), complete: completeCaptures,
		},
		{
			name: "format", arg: "FORMAT", value: choice(&s.format, getText, getJSON, getPayload),
			help: "text, json (data is in base64) or payload (its bytes and nothing else)",
		},
	}}}
}

// getCommand makes the command.
func getCommand(c console) *cobra.Command {
	s := &getSettings{format: getText}
	options := s.options()
	cmd := readingCommand("get", "print one message of an archive", helpText(getHelp, options, getConclusion))
	cmd.Args = func(cmd *cobra.Command, args []string) error { return twoArguments(cmd, args, "SEQ") }
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		given := newChoices(options)
		problems := given.take(options.all(), cmd.Flags(), c.getenv)
		seq, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil || seq == 0 {
			problems = append(problems, fmt.Errorf("%q is not a stream sequence: these are whole numbers from 1 on", args[1]))
		}
		if len(problems) > 0 {
			return &usageError{problems}
		}
		s.choice.seqs = seqRange{seq, seq}
		s.choice.read.Partial = s.format != getJSON
		return s.choice.readArchive(cmd.Context(), args[0], func(ctx context.Context, from *archive.Capture) error {
			return s.print(ctx, from, seq, c.stdout, args[0])
		})
	}
	addFlags(cmd, options.all(), c)
	return cmd
}

// twoArguments wants an archive and something else.
func twoArguments(cmd *cobra.Command, args []string, second string) error {
	if len(args) > 2 {
		return usagef("%q: an archive and %s only are expected; see %s --help", urls.Show(args[2]), second, cmd.CommandPath())
	}
	if len(args) < 2 {
		return usagef("an archive and %s are required; see %s --help", second, cmd.CommandPath())
	}
	return nil
}

// print prints the message, or fails with what became of it. where is the archive, as it was given.
func (s *getSettings) print(
	ctx context.Context, from *archive.Capture, seq uint64, out io.Writer, where string,
) error {
	more := fmt.Sprintf("jetcapture ls %s --capture %s --seq %d", shellText(urls.Show(where)), shellText(from.Name()), seq)
	newest, err := s.find(ctx, from)
	switch {
	case err != nil:
		return err
	case newest == nil:
		return fmt.Errorf("capture %s has not stored stream sequence %d: %s says what it knows", from.Name(), seq, more)
	case !newest.IsMessage():
		return fmt.Errorf("stream sequence %d is %s: %s says which cut knows it", seq, newest.Fate, more)
	}
	switch s.format {
	case getPayload:
		_, err := out.Write(newest.Data)
		return err
	case getJSON:
		return onPage(out, func(page *bufio.Writer) error {
			p, err := newMessagePrinter(catNDJSON, page)
			if err != nil {
				return err
			}
			return p.print(newest)
		})
	}
	return printMessage(out, newest)
}

// find returns the message of the newest incarnation that has one, or what else became of the sequence; nil if no cut
// covers it.
func (s *getSettings) find(ctx context.Context, from *archive.Capture) (newest *archive.Item, err error) {
	err = s.choice.each(ctx, from, func(i *archive.Item) error {
		if newest == nil || i.IsMessage() || !newest.IsMessage() {
			newest = i.Clone()
		}
		return nil
	})
	return newest, err
}

// printMessage prints a message for people.
func printMessage(out io.Writer, i *archive.Item) error {
	var head strings.Builder
	fmt.Fprintf(&head, "Sequence: %d\nTime: %s\nSubject: %s\nCut: %d of incarnation %s\n",
		i.Seq, itemTime(i), itemSubject(i), i.Cut, i.Incarnation)
	if i.Fate == archive.FateDead {
		fmt.Fprintf(&head, "Dead letter: %s\n", printable(i.Error))
	}
	for _, name := range slices.Sorted(maps.Keys(i.Header)) {
		for _, v := range i.Header[name] {
			fmt.Fprintf(&head, "Header: %s\n", printable(name+": "+v))
		}
	}
	if i.HeaderRaw != nil {
		fmt.Fprintf(&head, "Header block: %q\n", i.HeaderRaw)
	}
	payload := printable(string(i.Data))
	if text := string(i.Data); utf8.ValidString(text) && isText(text) {
		payload = text // with its line breaks
	}
	_, err := fmt.Fprintf(out, "%s\n%s\n", head.String(), payload)
	return err
}

// itemTime is when the stream took a message, a dash if the file does not say it.
func itemTime(i *archive.Item) string {
	if i.Time.IsZero() {
		return "-"
	}
	return i.Time.UTC().Format(time.RFC3339Nano)
}

// itemSubject is the subject of a message, a dash if the file does not say it.
func itemSubject(i *archive.Item) string {
	if i.Time.IsZero() {
		return "-"
	}
	return printable(i.Subject)
}

// isText reports whether a terminal shows a text as it is.
func isText(s string) bool {
	for _, r := range s {
		if r != '\n' && r != '\t' && !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}
