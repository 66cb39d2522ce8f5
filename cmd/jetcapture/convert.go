package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/archive/columnar"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/monitor"
	"github.com/jetcapture/jetcapture/internal/stopsignal"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

const convertHelp = `jetcapture convert makes another archive of an archive: larger files, another format, other keys,
fewer messages. It needs no server. In the new archive, too, each message is in exactly one file.

Usage:
  jetcapture convert SOURCE PLACE [OPTIONS]

Examples:
  A year of files of 15 minutes becomes a file a day:
    jetcapture convert /var/orders /var/orders-by-day --once --format raw --max-age 24h

  A table for analysts, which follows the living archive:
    jetcapture convert s3://archive/orders /data/orders --format parquet \
      --column id:int64=json:id --column placed:timestamp=time --layout hive

  Without the messages of one customer, by another key:
    jetcapture convert /var/orders /var/orders-clean --once --leave-out 'orders.7.>' \
      --key 'subject[3]'

SOURCE is what --output of jetcapture run names, PLACE a folder or a bucket like that. SOURCE is not
changed. Stop it, kill it, run it twice: started again with the same SOURCE and PLACE, it goes on
where it was. Without --once it goes on as the capture of SOURCE does, one finished cut after the
other, until SIGTERM, SIGINT or SIGHUP.
`

const convertConclusion = `
Files of SOURCE have to hold whole messages: raw, NDJSON of the records message and event, Parquet
without columns, or Avro of the record message. Its dead letters are decoded again; what is still
poison is a dead letter of PLACE. What it has lost or skipped is lost or skipped in PLACE as well,
for the same reason. Each plan of PLACE names the cuts of SOURCE that it was made from, with the
SHA-256 of the last one. SOURCE must stay until the conversion has ended. Then jetcapture verify
PLACE --against SOURCE compares both.
` + exitTable

// convertSettings are what the options of the command convert say.
type convertSettings struct {
	*settings
	fromCapture string
	rounded     bool // times in microseconds are allowed
}

// convertMemory is the memory limit of a conversion that does not say another one. It is half of that of a capture,
// since the cut that is read takes memory, too: 35 MB with 10,000 files.
const convertMemory = 16 << 20

// newConvertSettings returns the defaults: those of the command run, without what is about a server.
func newConvertSettings() *convertSettings {
	s := &convertSettings{settings: newSettings()}
	s.capture.library.MemoryLimit = convertMemory
	source := without(s.capture.sourceOptions(), "stream-name", "start", "range", "consumer-name", "create-consumer")
	s.choices = newChoices(optionSet{
		{"What to convert", append(source, option{
			name: "from-capture", arg: "NAME", value: text(&s.fromCapture), complete: completeCaptures,
			help: "the capture of SOURCE; needed if it has several",
		}, option{
			name: "leave-out", arg: "SUBJECT", value: subjects(&s.capture.leaveOut),
			help: "skip the messages of this subject; wildcards as in NATS; repeatable",
		}, option{
			name: "allow-rounded-times", value: boolean(&s.rounded),
			help: "convert messages also where Parquet and Avro of older versions have their times in microseconds only",
		})},
		{"Where to", without(s.capture.placeOptions(), "output")},
		{"In which form", s.capture.formOptions()},
		{"When a file is complete", s.capture.cutOptions()},
		{"Resources", s.capture.resourceOptions()},
		{"Messages", without(s.report.options(), "dry-run", "standby", "on-failure")},
	})
	for _, g := range s.options {
		for i := range g.options {
			o := &g.options[i]
			o.env = "" // the variables are those of captures
			o.help = cmp.Or(convertWords(o.name), o.help)
		}
	}
	return s
}

// convertWords is the help of an option that means something else for an archive than for a stream; empty for others.
func convertWords(option string) string {
	switch option {
	case "filter-subject":
		return "convert messages of these subjects only; repeatable; fixed for the life of the capture in PLACE"
	case "once":
		return "end with the cut that was the newest finished one of SOURCE at the start"
	case "capture":
		return "name of the capture in PLACE (default: that of the capture of SOURCE)"
	case "drain-timeout":
		return "after SIGTERM, SIGINT or SIGHUP, store what was read within this time; the rest comes with the next start"
	case "wait":
		return "at the start, wait so long for a store that cannot be reached; what is plainly wrong ends at once"
	}
	return ""
}

// without returns the options but for some.
func without(options []option, names ...string) []option {
	return slices.DeleteFunc(options, func(o option) bool { return slices.Contains(names, o.name) })
}

// convertCommand makes the command.
func convertCommand(c console) *cobra.Command {
	s := newConvertSettings()
	cmd := &cobra.Command{
		Use:   "convert",
		Short: "make another archive of an archive",
		Long:  helpText(convertHelp, s.options, convertConclusion),
		Args:  twoPlaces,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			problems := s.take(s.options.all(), cmd.Flags(), c.getenv)
			if problems = append(problems, s.checkConvert(args)...); len(problems) > 0 {
				return &usageError{dedupe(problems)}
			}
			stopsignal.OutlivePipes()
			return newRunner(c, &s.report).convert(cmd.Context(), s, args[0])
		},
	}
	addFlags(cmd, s.options.all(), c)
	return cmd
}

// twoPlaces wants the two arguments of convert.
func twoPlaces(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) < 2:
		return usagef("two places are required: the archive to convert, and where to; see %s --help", cmd.CommandPath())
	case len(args) > 2:
		return usagef("%q: no argument is expected there; see %s --help", urls.Show(args[2]), cmd.CommandPath())
	}
	return nil
}

// checkConvert completes the settings and returns what is wrong with them.
func (s *convertSettings) checkConvert(args []string) (problems []error) {
	place, err := parsePlace(args[1])
	if err != nil {
		problems = append(problems, err)
	}
	s.capture.output = place
	s.capture.library.NATSStreamName = "S" // the library puts that of the source in its place
	problems = append(problems, s.capture.check(&s.choices)...)
	o := s.capture.captureOptions(bucket.NewMem(), nil, form.Hooks{})
	return append(problems, s.ofFlags(o.Validate())...)
}

// convert runs a conversion until ctx ends or it is done.
func (r *runner) convert(ctx context.Context, s *convertSettings, from string) (err error) {
	defer r.report(ctx)()
	a, dir, err := openArchive(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	source, err := (&messageChoice{capture: s.fromCapture, option: "from-capture"}).pick(ctx, a)
	if err != nil {
		return err
	}
	format, err := source.Format(ctx)
	if err != nil {
		return err
	}
	what := &s.capture
	what.library.NATSStreamName = format.Stream
	if what.library.Archive.Capture == "" {
		if what.library.Archive.Capture, err = cutlog.UnescapeSegment(source.Name()); err != nil {
			return err
		}
	}
	return r.store(ctx, s.settings, &monitor.Entry{}, func(c *rowCapture) error {
		return adviseConvert(c.Convert(ctx, source.WithFormats(s.formats())))
	})
}

// formats are what reads Parquet and Avro.
func (s *convertSettings) formats() map[string]archive.RowsFunc {
	formats := columnar.Formats()
	if !s.rounded {
		return formats
	}
	for name, rows := range formats {
		formats[name] = func(file io.ReaderAt, size int64) iter.Seq2[*archive.Row, error] {
			return func(yield func(*archive.Row, error) bool) {
				for row, err := range rows(file, size) {
					if row != nil {
						row.Rounded = false
					}
					if !yield(row, err) {
						return
					}
				}
			}
		}
	}
	return formats
}

// adviseConvert adds to an error what can be done about it.
func adviseConvert(err error) error {
	var not *archive.NotWholeError
	var file *archive.FileError
	switch {
	case errors.Is(err, archive.ErrRounded):
		return fmt.Errorf("%w: --allow-rounded-times converts it so", err)
	case errors.As(err, &not):
		return fmt.Errorf("%w: such files cannot be converted", err)
	case errors.As(err, &file):
		return fmt.Errorf("%w: see jetcapture repair", err)
	}
	return err
}

// settingLeftOut is the setting of a plan that names the subjects which were left out.
const settingLeftOut = "left_out"

// leaveOut lets the options skip messages of some subjects.
func leaveOut(o *form.Options, subjects []string) {
	decode := o.MessageDecoder
	o.MessageDecoder = func(m *nats.Msg) (row form.Row, key form.Key, err error) {
		if slices.ContainsFunc(subjects, func(f string) bool { return wire.Matches(f, m.Subject) }) {
			return row, key, jetcapture.ErrSkip
		}
		return decode(m)
	}
	o.Settings[settingLeftOut] = strings.Join(subjects, " ")
}
