package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/doctor"
	"github.com/jetcapture/jetcapture/internal/events"
	"github.com/jetcapture/jetcapture/internal/exactlyonce"
	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/permission"
	"github.com/jetcapture/jetcapture/internal/service"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

const doctorIntroduction = "" +
	`jetcapture doctor examines what jetcapture run with the same options would meet: connection,
permissions, stream, consumer, store, this machine and the archive. Each line is a check with its
number. Below it stand why it matters and what mends it, where something is wrong. Nothing is
changed. A capture may run meanwhile.

Usage:
  jetcapture doctor [OPTIONS of jetcapture run]

Examples:
  Before the first start, and whenever a capture stands still:
    jetcapture doctor -s ORDERS -o /var/archive --key 'store=subject[2]'

  What the user of this capture must be allowed, for the server's configuration and for nsc:
    jetcapture doctor -s ORDERS -o /var/archive --print-permissions
`

const doctorConclusion = `
Besides, it takes all options of jetcapture run: see jetcapture run --help. --json prints the checks
as JSON, one object a line. Exit codes: 0 no problem, 1 problems, 2 wrong usage. Warnings and notes
are no problems.
`

// doctorSettings are the options of the command doctor that run does not have.
type doctorSettings struct {
	write       bool
	permissions bool
	choices
}

func newDoctorSettings() *doctorSettings {
	s := &doctorSettings{}
	s.choices = newChoices(optionSet{{"Of doctor alone", []option{
		{
			name: "print-permissions", flagOnly: true, value: boolean(&s.permissions),
			help: "print the least permissions for this command line, and examine nothing",
		},
		{
			name: "write", flagOnly: true, value: boolean(&s.write),
			help: "try writing to an archive that is not there yet: this makes the folder, and leaves one object in it",
		},
	}}})
	return s
}

func doctorCommand(c console) *cobra.Command {
	s := newDoctorSettings()
	cmd := &cobra.Command{
		Use:               "doctor",
		Short:             "examine server, store and machine before a run",
		Long:              helpText(doctorIntroduction, s.options, doctorConclusion),
		Args:              cobra.ArbitraryArgs, // readSettings refuses them
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := readSettings(cmd, args, c.getenv, os.ReadFile)
			if err != nil {
				return err
			}
			if problems := s.take(s.options.all(), cmd.Flags(), c.getenv); len(problems) > 0 {
				return &usageError{problems}
			}
			if s.permissions {
				return printPermissions(c.stdout, all)
			}
			return s.examine(cmd.Context(), c, all)
		},
	}
	addFlags(cmd, s.options.all(), c)
	addFlags(cmd, runOptions().all(), c)
	return cmd
}

// examine examines the captures one after the other and prints what it finds.
func (d *doctorSettings) examine(ctx context.Context, c console, given []*settings) error {
	all, unlisted := matchingNow(ctx, given, c.stderr)
	problems := 0
	for _, s := range all {
		cfg, err := s.examination()
		if err != nil {
			return err
		}
		cfg.Write, cfg.Captures = d.write, len(all)
		if len(all) > 1 {
			cfg.MemoryLimit, cfg.SpoolLimit = s.limits()
		}
		checks := doctor.Examine(ctx, cfg)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("the examination was stopped: %w", err)
		}
		title := ""
		if s.name != "" {
			title = "capture " + s.name
		}
		if err := printChecks(c.stdout, title, s.name, checks, s.report.json); err != nil {
			return err
		}
		for _, check := range checks {
			if check.State == doctor.Problem {
				problems++
			}
		}
	}
	for _, l := range lanesOf(given) {
		if err := printChecks(c.stdout, "lanes of stream "+l.stream, "", l.examine(ctx), given[0].report.json); err != nil {
			return err
		}
	}
	if problems > 0 {
		return errors.Join(unlisted, errors.New(counted(int64(problems), "problem")+", as said above"))
	}
	return unlisted
}

// examination is what doctor examines for a capture.
func (s *settings) examination() (doctor.Config, error) {
	what := &s.capture
	library := &what.library
	access, err := s.permissions()
	if err != nil {
		return doctor.Config{}, err
	}
	cfg := doctor.Config{
		Connect: func(options ...nats.Option) (*nats.Conn, string, error) {
			quiet := slog.New(slog.DiscardHandler) // what the server denies is a check, and no line of a log
			return natsconn.Connect(s.nats.named("jetcapture doctor"), quiet, options...)
		},
		Open: func(ctx context.Context, write bool) (doctor.Store, error) {
			if write {
				return openOutput(ctx, what.output)
			}
			if !isStore(what.output) {
				if _, err := os.Stat(what.output); err != nil {
					return nil, err // openReadOnly hides that it is missing
				}
			}
			return openReadOnly(ctx, what.output)
		},
		Decode:  what.dryRun(),
		Capture: access, Log: cutlog.EscapeSegment(what.name()),
		Filter: slices.Sorted(slices.Values(library.FilterSubjects)), New: library.Start.New,
		Output: withoutSecrets(what.output),
		MaxAge: library.MaxAge, MaxBytes: library.MaxBytes,
		MemoryLimit: library.MemoryLimit, SpoolLimit: library.SpoolLimit,
		BufferToDisk: library.BufferToDisk, TempDir: library.TempDir,
	}
	if !isStore(what.output) {
		cfg.Folder = what.output
	}
	return cfg, nil
}

// dryRun returns a function that makes rows of a message and throws them away.
func (s *captureSettings) dryRun() func(*nats.Msg) (string, error) {
	o := s.captureOptions(bucket.NewMem(), nil, form.Hooks{})
	return func(m *nats.Msg) (string, error) {
		row, key, err := o.MessageDecoder(m)
		if err != nil {
			return "", err
		}
		w := o.WriterFactory()
		if err := w.InitNew(io.Discard); err != nil {
			return "", err
		}
		if _, err := w.Write(row); err != nil {
			return "", err
		}
		return string(key), w.Flush()
	}
}

// permissions says what the permissions of a capture depend on, but for what only the connection knows.
func (s *settings) permissions() (permission.Capture, error) {
	library := &s.capture.library
	instance, generated := library.Archive.Instance, library.Archive.Instance == ""
	if generated {
		var err error
		if instance, err = exactlyonce.FirstInstance(); err != nil {
			return permission.Capture{}, err
		}
	}
	name := cutlog.EscapeSegment(s.capture.name())
	var services []string
	if s.service.micro {
		services = []string{service.StatusSubject(name), service.FlushSubject(name)}
	}
	stream := library.NATSStreamName
	if s.isPattern() {
		stream = "*"
	}
	return permission.Capture{
		ByPattern: s.isPattern(), OptIn: s.streams.optIn,
		Services: services, Events: s.service.stream, EventsSubject: events.Subject(name),
		Stream: stream, Durable: library.NATSConsumerName, Create: library.CreateConsumer,
		Ephemeral:   exactlyonce.ConsumerName(name, instance),
		AnyInstance: generated, FromTime: !library.Start.Time.IsZero(),
	}, nil
}
