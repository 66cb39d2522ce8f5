package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
)

// newApp returns the command line. It maps nothing to exit codes and exits nothing: execute does.
func newApp(c console) *cli.App {
	app := &cli.App{
		Name:           "jetcapture",
		HelpName:       "jetcapture",
		Usage:          "copy NATS JetStream streams into immutable files",
		HideVersion:    true, // ours says more
		Flags:          []cli.Flag{&cli.BoolFlag{Name: "version"}},
		Writer:         c.stdout,
		ErrWriter:      c.stderr,
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(ctx *cli.Context, err error, _ bool) error { return badFlag(ctx, err) },
		Action:         func(ctx *cli.Context) error { return noCommand(ctx, c) },
		Commands:       []*cli.Command{runCommand(c), configCommand(c), validateCommand(c), demoCommand(c), lsCommand(c), verifyCommand(c), versionCommand(c)},
	}
	app.CustomAppHelpTemplate = rootHelp(app.Commands)
	for _, command := range app.Commands {
		command.HideHelpCommand = true
		command.OnUsageError = app.OnUsageError
	}
	return app
}

// noCommand is what happens without a command, or with an unknown one.
func noCommand(ctx *cli.Context, c console) error {
	switch {
	case ctx.Bool("version"):
		return printVersion(ctx, c)
	case ctx.NArg() == 0:
		return cli.ShowAppHelp(ctx)
	}
	name := ctx.Args().First()
	var names []string
	for _, command := range ctx.App.Commands {
		names = append(names, command.Name)
	}
	return &usageError{[]error{fmt.Errorf("unknown command %q: %ssee jetcapture --help", name, didYouMean("", name, names))}}
}

// noArguments refuses arguments of a command that has none.
func noArguments(ctx *cli.Context) error {
	if ctx.NArg() == 0 {
		return nil
	}
	return &usageError{[]error{fmt.Errorf("%q: no argument is expected there; see %s --help", ctx.Args().First(), ctx.Command.HelpName)}}
}

// didYouMean asks for the one of the words that is near, with prefix in front, or is empty.
func didYouMean(prefix, word string, words []string) string {
	const near = 2 // single-letter changes
	best, meant := near+1, ""
	for _, w := range words {
		if d := distance(word, w); d < best && d < len(w) {
			best, meant = d, w
		}
	}
	if meant == "" {
		return ""
	}
	return "did you mean " + prefix + meant + "? "
}

// distance is the Levenshtein distance of two ASCII words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// say prints to a terminal, a pipe or a file for people. An error there, a closed pipe for instance, is no reason to stop.
func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}
