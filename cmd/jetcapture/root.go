package main

import (
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/spf13/cobra"
)

// newRoot returns the command line. It neither prints errors nor exits: execute does.
func newRoot(c console) *cobra.Command {
	root := &cobra.Command{
		Use:               "jetcapture",
		Short:             "copy NATS JetStream streams into immutable files",
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              cobra.ArbitraryArgs, // noCommand refuses them in our words
		RunE:              func(cmd *cobra.Command, args []string) error { return noCommand(cmd, args, c) },
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // ours has a help as the others do
	}
	root.Flags().Bool("version", false, "print the version")
	help := helpCommand()
	commands := []*cobra.Command{
		runCommand(c),
		initCommand(c),
		configCommand(c),
		validateCommand(c),
		doctorCommand(c),
		demoCommand(c),
		lsCommand(c),
		manifestCommand(c),
		verifyCommand(c),
		repairCommand(c),
		statusCommand(c),
		topCommand(c),
		catCommand(c),
		grepCommand(c),
		getCommand(c),
		diffCommand(c),
		kvCommand(c),
		convertCommand(c),
		restoreCommand(c),
		replayCommand(c),
		fleetCommand(c),
		workerCommand(c),
		versionCommand(c),
		completionCommand(c),
		manCommand(c),
		help,
	}
	root.AddCommand(commands...)
	root.SetHelpCommand(help)
	root.Long = rootHelp(commands)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.SetFlagErrorFunc(badFlag)
	// With a help function and a usage function of our own, cobra's templates are never reached, and the linker leaves
	// package text/template out.
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { say(c.stdout, "%s", cmd.Long) })
	root.SetUsageFunc(func(*cobra.Command) error { return nil })
	return root
}

const helpHelp = `jetcapture help explains a command, as jetcapture COMMAND --help does.

Usage:
  jetcapture help COMMAND
`

// helpCommand is for those who type "jetcapture help run".
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "help",
		Short:             "explain a command",
		Long:              helpHelp,
		ValidArgsFunction: completeCommands,
		RunE: func(cmd *cobra.Command, args []string) error {
			explained, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return unknownCommand(cmd.Root(), rest[0])
			}
			return explained.Help()
		},
	}
}

// noCommand is what happens without a command, or with an unknown one.
func noCommand(cmd *cobra.Command, args []string, c console) error {
	if version, err := cmd.Flags().GetBool("version"); err == nil && version {
		printVersion(c)
		return nil
	}
	if len(args) == 0 {
		return cmd.Help()
	}
	return unknownCommand(cmd, args[0])
}

func unknownCommand(root *cobra.Command, name string) error {
	var names []string
	for _, command := range shown(root) {
		names = append(names, command.Name())
	}
	return usagef("unknown command %q: %ssee jetcapture --help", urls.Show(name), didYouMean("", name, names))
}

// shown are the commands that the help of the program lists.
func shown(root *cobra.Command) (commands []*cobra.Command) {
	for _, cmd := range root.Commands() {
		if !cmd.Hidden {
			commands = append(commands, cmd)
		}
	}
	return commands
}

// noArguments refuses arguments of a command that takes only options.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("%q: no argument is expected there; see %s --help", urls.Show(args[0]), cmd.CommandPath())
}

// say prints to a terminal, a pipe or a file for people. An error there, a closed pipe for instance, is no reason to
// stop.
func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}
