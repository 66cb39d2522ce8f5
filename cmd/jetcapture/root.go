package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
)

// newApp returns the command line. It maps nothing to exit codes and exits nothing: execute does.
func newApp(c console) *cli.App {
	app := &cli.App{
		Name:            "jetcapture",
		HelpName:        "jetcapture",
		Usage:           "copy NATS JetStream streams into immutable files",
		HideVersion:     true, // there is a command
		HideHelpCommand: true,
		Writer:          c.stdout,
		ErrWriter:       c.stderr,
		ExitErrHandler:  func(*cli.Context, error) {},
		OnUsageError:    func(ctx *cli.Context, err error, _ bool) error { return badFlag(ctx, err) },
		Action:          noCommand,
		Commands:        []*cli.Command{runCommand(c), demoCommand(c), versionCommand(c)},
	}
	app.CustomAppHelpTemplate = rootHelp(app.Commands)
	for _, command := range app.Commands {
		command.HelpName = app.Name + " " + command.Name
		command.HideHelpCommand = true
		command.OnUsageError = app.OnUsageError
	}
	return app
}

// noCommand is what happens without a command, or with an unknown one.
func noCommand(ctx *cli.Context) error {
	if ctx.NArg() == 0 {
		return cli.ShowAppHelp(ctx)
	}
	name, hint := ctx.Args().First(), ""
	if meant := cli.SuggestCommand(ctx.App.Commands, name); meant != "" {
		hint = "did you mean " + meant + "? "
	}
	return &usageError{[]error{fmt.Errorf("unknown command %q: %ssee jetcapture --help", name, hint)}}
}

// noArguments refuses arguments of a command that has none.
func noArguments(ctx *cli.Context) error {
	if ctx.NArg() == 0 {
		return nil
	}
	return &usageError{[]error{fmt.Errorf("%q: no argument is expected there; see %s --help", ctx.Args().First(), ctx.Command.HelpName)}}
}

// say prints to a terminal, a pipe or a file for people. An error there, a closed pipe for instance, is no reason to stop.
func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}
