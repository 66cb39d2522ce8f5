package main

import (
	"bufio"
	"cmp"
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

  Those values in a new bucket of the server:
    jetcapture kv /var/archive settings --at 2026-11-28T12:00 --restore-as settings-noon

  What happened to one key:
    jetcapture kv /var/archive settings --key users.7 --history

ARCHIVE is an archive of the stream KV_BUCKET, or of one that has its messages.
`

const kvConclusion = `
A line is a JSON object with key, revision, time and value; a value that is no text is in
value_base64. Keys that were deleted or purged are in --history only, with their operation, and so
are values that were older than the bucket kept them. What the stream had dropped before it was
captured, such as older revisions of a key, is not in the archive.
With --restore-as, the new bucket is configured as the archive has recorded it. Its revisions and
times are new ones.

Exit codes: 0 done, also if the bucket was empty, 1 failed, or the archive has nothing of the
bucket, 2 wrong usage.
`

// kvSettings are what the options of the command kv say.
type kvSettings struct {
	capture string
	at      time.Time
	key     string
	history bool
	restore kvRestore
	nats    connection
}

func (s *kvSettings) options() optionSet {
	return optionSet{{"What to print", []option{
		{
			name: "capture", arg: "NAME", help: "of this capture (default: KV_BUCKET, or the only one)",
			value: text(&s.capture), complete: completeCaptures,
		},
		{
			name: "at", arg: "TIME", value: moment(&s.at),
			help: "as it was just before this time, such as 2026-11-23T15:00:00Z (default: as the archive ends)",
		},
		{name: "key", arg: "KEY", help: "of these keys only; wildcards as in NATS", value: text(&s.key)},
		{name: "history", help: "every change, in its order, instead of the last values", value: boolean(&s.history)},
	}}, {"Where to", []option{
		{
			name: "restore-as", arg: "BUCKET", value: text(&s.restore.name),
			help: "put the values into this bucket, which must not exist, instead of printing them",
		},
		{
			name: "replicas", arg: "N", value: count(&s.restore.replicas),
			help: "with --restore-as: of the new bucket; 0: as many as the old one had",
		},
	}}, {"Connection, with --restore-as", s.nats.options()}}
}

// kvCommand makes the command.
func kvCommand(c console) *cobra.Command {
	s := &kvSettings{}
	options := s.options()
	cmd := readingCommand("kv", "print a key-value bucket as it was", helpText(kvHelp, options, kvConclusion))
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 2 {
			return usagef("%q: an archive and BUCKET only are expected; --key KEY chooses keys", args[2])
		}
		return twoArguments(cmd, args, "BUCKET")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		given := newChoices(options)
		problems := given.take(options.all(), cmd.Flags(), c.getenv)
		problems = append(problems, s.check(&given, args[1])...)
		if len(problems) > 0 {
			return &usageError{problems}
		}
		choice := &messageChoice{capture: s.capture, usual: "KV_" + args[1]}
		return choice.readArchive(cmd.Context(), args[0], func(ctx context.Context, from *archive.Capture) error {
			return s.print(ctx, choice, from, args[1], c)
		})
	}
	addFlags(cmd, options.all(), c)
	return cmd
}

// check returns what is wrong with the options and the name of the bucket.
func (s *kvSettings) check(given *choices, bucket string) (problems []error) {
	for _, name := range []string{bucket, cmp.Or(s.restore.name, bucket)} {
		if name == "" || strings.ContainsAny(name, ". *>") {
			problems = append(problems, fmt.Errorf("%q is not the name of a bucket", name))
		}
	}
	if s.restore.name == "" {
		return problems
	}
	if s.history {
		problems = append(problems, errors.New("--restore-as: puts the last values, so it does not go with --history"))
	}
	return append(problems, s.nats.check(given)...)
}

// kvEntry is a change of a key, as a line.
type kvEntry struct {
	Key       string    `json:"key"`
	Revision  uint64    `json:"revision"`
	Time      time.Time `json:"time"`
	Operation string    `json:"operation,omitempty"` // empty: the key was set
	Value     *string   `json:"value,omitempty"`
	Binary    []byte    `json:"value_base64,omitempty"`

	lasting bool // the limit of age of the bucket does not concern it
}

// print prints the bucket, or restores it. It keeps the last value of each key in memory.
func (s *kvSettings) print(
	ctx context.Context, choice *messageChoice, from *archive.Capture, bucket string, c console,
) error {
	choice.read.Subjects = []string{"$KV." + bucket + "." + cmp.Or(s.key, ">")}
	choice.read.To, choice.read.Present = s.at, true
	return onPage(c.stdout, func(out *bufio.Writer) error {
		lines := json.NewEncoder(printableJSON{out})
		lines.SetEscapeHTML(false)
		now, found, err := s.read(ctx, choice, from, bucket, lines, c)
		if err != nil {
			return err
		}
		if len(now) == 0 && !(found && s.history) {
			if err := s.sayEmpty(ctx, choice, from, bucket, c); err != nil {
				return err
			}
		}
		if s.restore.name != "" {
			return s.restoreBucket(ctx, from, now, c)
		}
		for _, name := range slices.Sorted(maps.Keys(now)) {
			err = errors.Join(err, lines.Encode(now[name]))
		}
		return err
	})
}

// sayEmpty says why nothing is printed: what was asked for, and when there was something first.
func (s *kvSettings) sayEmpty(
	ctx context.Context, choice *messageChoice, from *archive.Capture, bucket string, c console,
) error {
	what, when := "no keys", "where the archive ends"
	if s.key != "" {
		what = "no key that matches " + s.key
	}
	first := ""
	if !s.at.IsZero() {
		when = "just before " + s.at.UTC().Format(time.RFC3339Nano)
		all := *choice
		all.read.To, all.limit = time.Time{}, 1
		err := all.each(ctx, from, func(i *archive.Item) error {
			if i.IsMessage() {
				first = "; its first change in the archive is of " + i.Time.UTC().Format(time.RFC3339Nano)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	say(c.stderr, "jetcapture: bucket %s had %s %s%s\n", bucket, what, when, first)
	return nil
}

// read returns the last values, and whether there was any change. With history, it prints all changes, and returns no
// values.
func (s *kvSettings) read(
	ctx context.Context, choice *messageChoice, from *archive.Capture, bucket string, lines *json.Encoder, c console,
) (now map[string]kvEntry, found bool, err error) {
	now = map[string]kvEntry{}
	var missing missingCount
	err = choice.each(ctx, from, func(i *archive.Item) error {
		if !i.IsMessage() {
			missing.add(i)
			return nil
		}
		found = true
		e := kvEntryOf(i, "$KV."+bucket+".")
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
	missing.say(c.stderr)
	if err == nil && found {
		err = s.expire(ctx, from, bucket, now, c)
	}
	if err != nil || found {
		return now, found, err
	}
	format, err := from.Format(ctx)
	if err != nil || format.Stream == "KV_"+bucket {
		return now, false, err
	}
	others, err := bucketsOf(ctx, choice, from)
	if err != nil || slices.Contains(others, bucket) { // it was empty at that time, or the key was not there
		return now, false, err
	}
	return now, false, fmt.Errorf("capture %s, of stream %s, has no message of bucket %s: the buckets that it has are %s",
		from.Name(), format.Stream, bucket, cmp.Or(strings.Join(others, ", "), "none"))
}

// noBucket is the error of an archive with several captures, none of which is the one of a bucket.
func noBucket(a *archive.Archive, capture string, captures []string) error {
	var buckets []string
	for _, name := range captures {
		if bucket, is := strings.CutPrefix(name, "KV_"); is {
			buckets = append(buckets, bucket)
		}
	}
	return fmt.Errorf("%s has no capture %s, which that bucket would have; buckets that it has: %s. If a stream under "+
		"another name has its messages, name its capture with --capture: %s",
		a, capture, cmp.Or(strings.Join(buckets, ", "), "none"), strings.Join(captures, ", "))
}

// bucketsOf returns the names of the buckets that a capture has messages of.
func bucketsOf(ctx context.Context, choice *messageChoice, from *archive.Capture) ([]string, error) {
	all := *choice
	all.read.Subjects, all.read.To = []string{"$KV.*.>"}, time.Time{}
	names := map[string]bool{}
	err := all.each(ctx, from, func(i *archive.Item) error {
		if i.IsMessage() {
			names[strings.Split(i.Subject, ".")[1]] = true
		}
		return nil
	})
	return slices.Sorted(maps.Keys(names)), err
}

// kvEntryOf is what a message does to its key. A server marks keys whose time was over.
func kvEntryOf(i *archive.Item, prefix string) kvEntry {
	e := kvEntry{
		Key: strings.TrimPrefix(i.Subject, prefix), Revision: i.Seq, Time: i.Time.UTC(),
		Operation: firstOf(i.Header["KV-Operation"]), lasting: firstOf(i.Header["Nats-TTL"]) == "never",
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
