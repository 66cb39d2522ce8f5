package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/spf13/cobra"
)

const kvHelp = `jetcapture kv prints a key-value bucket of NATS as it was, from an archive of its stream.

Usage:
  jetcapture kv ARCHIVE BUCKET [OPTIONS]

Examples:
  All keys and values as they were at noon:
    jetcapture kv /var/archive settings --at 2026-11-28T12:00

  What happened to one key:
    jetcapture kv /var/archive settings --key users.7 --history

ARCHIVE is an archive of the stream KV_BUCKET, or of one that has its messages.
`

const kvConclusion = `
A line is a JSON object with key, revision, time and value; a value that is no text is in
value_base64. Keys that were deleted or purged are in --history only, with their operation. What the
stream had dropped before it was captured, such as older revisions of a key, is not in the archive.

Exit codes: 0 done, also if the bucket was empty, 1 failed, 2 wrong usage.
`

// kvSettings are what the options of the command kv say.
type kvSettings struct {
	capture string
	at      time.Time
	key     string
	history bool
}

func (s *kvSettings) options() optionSet {
	return optionSet{{"What to print", []option{
		{
			name: "capture", arg: "NAME", help: "of this capture; needed if the archive has several",
			value: text(&s.capture), complete: completeCaptures,
		},
		{
			name: "at", arg: "TIME", value: moment(&s.at),
			help: "as it was just before this time, such as 2026-11-23T15:00:00Z (default: as the archive ends)",
		},
		{name: "key", arg: "KEY", help: "of these keys only; wildcards as in NATS", value: text(&s.key)},
		{name: "history", help: "every change, in its order, instead of the last values", value: boolean(&s.history)},
	}}}
}

// kvCommand makes the command.
func kvCommand(c console) *cobra.Command {
	s := &kvSettings{}
	options := s.options()
	cmd := readingCommand("kv", "print a key-value bucket as it was", helpText(kvHelp, options, kvConclusion))
	cmd.Args = func(cmd *cobra.Command, args []string) error { return twoArguments(cmd, args, "BUCKET") }
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		given := newChoices(options)
		problems := given.take(options.all(), cmd.Flags(), c.getenv)
		if args[1] == "" || strings.ContainsAny(args[1], ". *>") {
			problems = append(problems, fmt.Errorf("%q is not the name of a bucket", args[1]))
		}
		if len(problems) > 0 {
			return &usageError{problems}
		}
		choice := &messageChoice{capture: s.capture}
		return choice.readArchive(cmd.Context(), args[0], func(ctx context.Context, from *archive.Capture) error {
			return s.print(ctx, choice, from, args[1], c)
		})
	}
	addFlags(cmd, options.all(), c)
	return cmd
}

// kvEntry is a change of a key, as a line.
type kvEntry struct {
	Key       string    `json:"key"`
	Revision  uint64    `json:"revision"`
	Time      time.Time `json:"time"`
	Operation string    `json:"operation,omitempty"` // empty: the key was set
	Value     *string   `json:"value,omitempty"`
	Binary    []byte    `json:"value_base64,omitempty"`
}

// print prints the bucket. It keeps the last value of each key in memory.
func (s *kvSettings) print(
	ctx context.Context, choice *messageChoice, from *archive.Capture, bucket string, c console,
) error {
	prefix := "$KV." + bucket + "."
	key := s.key
	if key == "" {
		key = ">"
	}
	choice.read.Subjects, choice.read.To, choice.read.Present = []string{prefix + key}, s.at, true
	return onPage(c.stdout, func(out *bufio.Writer) error {
		lines := json.NewEncoder(printableJSON{out})
		lines.SetEscapeHTML(false)
		var missing missingCount
		now := map[string]kvEntry{}
		err := choice.each(ctx, from, func(i *archive.Item) error {
			if !i.IsMessage() {
				missing.add(i)
				return nil
			}
			e := kvEntryOf(i, prefix)
			switch {
			case s.history:
				return lines.Encode(e)
			case e.Operation != "":
				delete(now, e.Key)
			default:
				now[e.Key] = e
			}
			return nil
		})
		for _, name := range slices.Sorted(maps.Keys(now)) {
			err = errors.Join(err, lines.Encode(now[name]))
		}
		missing.say(c.stderr)
		return err
	})
}

// kvEntryOf is what a message does to its key. A server marks keys whose time was over.
func kvEntryOf(i *archive.Item, prefix string) kvEntry {
	e := kvEntry{
		Key: strings.TrimPrefix(i.Subject, prefix), Revision: i.Seq, Time: i.Time.UTC(),
		Operation: firstOf(i.Header["KV-Operation"]),
	}
	if reason := firstOf(i.Header["Nats-Marker-Reason"]); e.Operation == "" && reason != "" {
		e.Operation = map[string]string{"MaxAge": "PURGE", "Purge": "PURGE", "Remove": "DEL"}[reason]
	}
	switch text := string(i.Data); {
	case e.Operation != "":
	case utf8.ValidString(text):
		e.Value = &text
	default:
		e.Binary = slices.Clone(i.Data)
	}
	return e
}

func firstOf(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
