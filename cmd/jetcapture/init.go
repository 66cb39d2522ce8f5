package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const initIntroduction = "" +
	`jetcapture init writes a first configuration file. It shows the streams of the server, asks for what
no option says, and examines the result as jetcapture doctor does. Without a terminal it asks
nothing.

Usage:
  jetcapture init [OPTIONS]

Examples:
  jetcapture init
  jetcapture init -s ORDERS -o /var/archive --nats-server nats://nats.example.com
  jetcapture init -s ORDERS -o 's3://archive/orders?region=eu-central-1' --helm
`

const initConclusion = `
Exit codes: 0 written, and doctor has found no problem; 1 failed, or doctor has found problems: the
file is there if that is said; 2 wrong usage.
`

// initSettings are the options of the command init.
type initSettings struct {
	stream, output string
	file           string
	systemd, helm  bool
	force, yes     bool
	nats           connection
	choices
}

func newInitSettings() *initSettings {
	s := &initSettings{}
	s.choices = newChoices(optionSet{
		{"The capture", []option{
			{
				name: "stream-name", alias: "s", arg: "NAME", value: text(&s.stream), complete: completeStreams,
				help: "the stream, or several by a pattern with *",
			},
			{
				name: "output", alias: "o", arg: "PLACE", value: outputPlace(&s.output),
				help: "the archive: a folder, or a bucket by its URL",
			},
		}},
		{"The file", []option{
			{
				name: "file", flagOnly: true, arg: "FILE", value: text(&s.file),
				help: "what to write (default: the stream's name with .yaml, in the current folder; with --helm, " +
					"values.yaml)",
			},
			{
				name: "systemd", flagOnly: true, value: boolean(&s.systemd),
				help: "write it for an instance of jetcapture@.service, with credentials from systemd, and say how to start it",
			},
			{
				name: "helm", flagOnly: true, value: boolean(&s.helm),
				help: "write values of the Helm chart, and say how to install it",
			},
			{name: "force", flagOnly: true, value: boolean(&s.force), help: "overwrite a file that is there"},
			{name: "yes", alias: "y", flagOnly: true, value: boolean(&s.yes), help: "ask nothing"},
		}},
		{"Connection", s.nats.options()},
	})
	return s
}

func initCommand(c console) *cobra.Command {
	s := newInitSettings()
	cmd := &cobra.Command{
		Use:               "init",
		Short:             "write a first configuration file",
		Long:              helpText(initIntroduction, s.options, initConclusion),
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			problems := s.take(s.options.all(), cmd.Flags(), c.getenv)
			problems = append(problems, s.nats.check(&s.choices)...)
			if s.systemd && s.helm {
				problems = append(problems, errors.New("--systemd: writes another file than --helm, give one of the two"))
			}
			if len(problems) > 0 {
				return &usageError{dedupe(problems)}
			}
			asks := &interview{out: c.stdout}
			if !s.yes && term.IsTerminal(int(os.Stdin.Fd())) {
				asks.in = bufio.NewReader(os.Stdin)
			}
			return s.write(cmd.Context(), c, asks)
		},
	}
	addFlags(cmd, s.options.all(), c)
	return cmd
}

// write asks for what is missing, writes the file and examines it.
func (s *initSettings) write(ctx context.Context, c console, asks *interview) error {
	if s.helm {
		s.file = cmp.Or(s.file, "values.yaml")
	}
	if err := s.checkFile(); err != nil { // before anything is asked
		return err
	}
	if err := s.askServer(ctx, asks); err != nil {
		return err
	}
	found, err := s.look(ctx)
	if err != nil {
		return err
	}
	printStreams(c.stdout, offered(found))
	if err := s.complete(ctx, asks, found); err != nil {
		return err
	}
	if err := s.create(s.configuration(found)); err != nil {
		return err
	}
	say(c.stdout, "\nwrote %s\n%s", s.file, s.next())
	return s.examine(ctx, c, found)
}

// look asks the server which streams there are.
func (s *initSettings) look(ctx context.Context) ([]streamSeen, error) {
	nc, prefix, err := natsconn.Connect(s.nats.named("jetcapture init"), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	return lookAtStreams(ctx, nc, prefix)
}

// complete asks for what is not known yet. Without a terminal, it is wrong usage.
func (s *initSettings) complete(ctx context.Context, asks *interview, found []streamSeen) (err error) {
	if s.stream == "" {
		if s.stream, err = asks.forStream(ctx, offered(found)); err != nil {
			return err
		}
	}
	if len(s.chosen(found)) == 0 {
		return usagef("--stream-name: the server has no stream %q, or the user may not see it", s.stream)
	}
	s.file = cmp.Or(s.file, s.title()+".yaml")
	if err := s.checkFile(); err != nil {
		return err
	}
	for s.output == "" {
		text, err := asks.ask(ctx, "Archive, a folder or s3://, gs:// or azblob:// with a bucket",
			"/var/lib/jetcapture/"+s.title(), "output")
		if err != nil {
			return err
		}
		if s.output, err = parsePlace(text); err != nil {
			say(asks.out, "%v\n", err)
			s.output = ""
		}
	}
	return nil
}

// askServer asks for the server, if neither options nor the nats command say which.
func (s *initSettings) askServer(ctx context.Context, asks *interview) (err error) {
	if asks.in == nil || s.nats.Server.Text != "" || s.nats.Context.Text != "" || natsconn.Selected() != "" {
		return nil
	}
	s.nats.Server.Text, err = asks.ask(ctx, "NATS server", "nats://127.0.0.1:4222", "nats-server")
	s.nats.Server.Rank = int(byFlag)
	s.origins["nats-server"] = byFlag
	return err
}

// title is a name for files and instances.
func (s *initSettings) title() string {
	keep := func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}
	return cmp.Or(strings.Trim(strings.Map(keep, strings.ToLower(s.stream)), "-_"), "jetcapture")
}

// checkFile refuses a file that is there, and a folder that is not. An empty name is not known yet.
func (s *initSettings) checkFile() error {
	if s.file == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(s.file)); err != nil {
		return usagef("--file: make its folder first: %w", err)
	}
	if _, err := os.Lstat(s.file); err == nil && !s.force {
		return s.isThere()
	}
	return nil
}

func (s *initSettings) isThere() error {
	return usagef("%s is there already: give another --file, or --force", s.file)
}

// create writes the file, which must not be there unless the user forces that.
func (s *initSettings) create(text string) (err error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if s.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	const readable = 0o644 // there are no secrets in it
	f, err := os.OpenFile(s.file, flags, readable)
	if errors.Is(err, fs.ErrExist) {
		return s.isThere()
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.WriteString(f, text)
	return err
}

// next says how to go on.
func (s *initSettings) next() string {
	name, file := s.title(), shellText(s.file)
	switch {
	case s.helm && !isStore(s.output):
		return fmt.Sprintf("The archive is a folder, so the pod needs a volume: write a claim into %s.\n"+
			"Then install it with: helm install %s deploy/helm/jetcapture --values %[1]s\n", file, name)
	case s.helm:
		return fmt.Sprintf("Install it with: helm install %s deploy/helm/jetcapture --values %s\n", name, file)
	case s.systemd:
		return fmt.Sprintf("Start it with:\n  sudo install -m 644 %s /etc/jetcapture/%s.yaml\n"+
			"  sudo systemctl enable --now jetcapture@%s\n", file, name, name)
	}
	return fmt.Sprintf("Start it with: %s run --config %s\n", selfCommand(), file)
}

// examine runs the checks of doctor on what was written: of a pattern, for the first stream that matches.
func (s *initSettings) examine(ctx context.Context, c console, found []streamSeen) error {
	file, problems := parseConfig(s.file, []byte(s.plain(found)), true, c.getenv, os.ReadFile)
	if len(problems) > 0 {
		return &usageError{problems}
	}
	all, problems := file.settings()
	one := all[0]
	one.nats = s.nats // with what is not written: secrets of the environment
	if problems = append(problems, one.check()...); len(problems) > 0 {
		return &usageError{dedupe(problems)}
	}
	if one.isPattern() {
		one = one.of(s.chosen(found)[0].name, false)
	}
	say(c.stdout, "\n")
	return (&doctorSettings{}).examine(ctx, c, []*settings{one})
}
