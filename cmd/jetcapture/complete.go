package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// completer returns what a shell offers for a value. It is silent about errors: somebody is typing.
type completer func(cmd *cobra.Command, c console) ([]cobra.Completion, cobra.ShellCompDirective)

// completion is what a shell offers for the value of an option's flag.
func completion(o option, c console) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if o.complete != nil {
			return o.complete(cmd, c)
		}
		if v, ok := o.value.(worded); ok {
			return v.words, cobra.ShellCompDirectiveNoFileComp
		}
		switch o.arg {
		case "FILE":
			return nil, cobra.ShellCompDirectiveDefault
		case "FOLDER", "PLACE":
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeWith offers words.
func completeWith(words ...string) completer {
	return func(*cobra.Command, console) ([]cobra.Completion, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeSources offers the beginnings of a SOURCE.
func completeSources(*cobra.Command, console) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"subject", "subject[", "header:", "json:", "payload", "seq", "time"},
		cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeContexts offers the contexts of the nats command.
func completeContexts(*cobra.Command, console) ([]cobra.Completion, cobra.ShellCompDirective) {
	return natsconn.Contexts(), cobra.ShellCompDirectiveNoFileComp
}

// completeCommands offers the commands to help.
func completeCommands(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	if len(args) == 0 {
		for _, command := range shown(cmd.Root()) {
			names = append(names, cobra.CompletionWithDesc(command.Name(), command.Short))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeCaptures offers the captures of the archive that is on the line already, if it is a folder.
func completeCaptures(cmd *cobra.Command, _ console) (names []cobra.Completion, _ cobra.ShellCompDirective) {
	args := cmd.Flags().Args()
	if len(args) != 1 || isStore(args[0]) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	a, dir, err := openArchive(ctx, args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer func() { _ = dir.Close() }()
	for capture, err := range a.Captures(ctx) {
		if err != nil {
			break
		}
		names = append(names, capture.Name())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeStreams offers the streams of the server.
func completeStreams(cmd *cobra.Command, c console) ([]cobra.Completion, cobra.ShellCompDirective) {
	return askServer(cmd, c, func(ctx context.Context, js jetstream.JetStream) (names []string) {
		for name := range js.StreamNames(ctx).Name() {
			names = append(names, name)
		}
		return names
	})
}

// completeConsumers offers the consumers of the stream that is on the line already.
func completeConsumers(cmd *cobra.Command, c console) ([]cobra.Completion, cobra.ShellCompDirective) {
	return askServer(cmd, c, func(ctx context.Context, js jetstream.JetStream) (names []string) {
		stream, err := js.Stream(ctx, cmd.Flags().Lookup("stream-name").Value.String())
		if err != nil {
			return nil
		}
		for name := range stream.ConsumerNames(ctx).Name() {
			names = append(names, name)
		}
		return names
	})
}

// completionTimeout is how long a shell waits for a server or a folder, at most.
const completionTimeout = time.Second

// askServer connects as flags and environment say, and asks.
func askServer(
	cmd *cobra.Command, c console, ask func(context.Context, jetstream.JetStream) []string,
) ([]cobra.Completion, cobra.ShellCompDirective) {
	var nc connection
	options := nc.options()
	given := newChoices(optionSet{{options: options}})
	if len(given.take(options, cmd.Flags(), c.getenv)) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	names := nc.ask(ctx, ask)
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}

// ask asks the server; there is no answer if anything is wrong.
func (c *connection) ask(ctx context.Context, ask func(context.Context, jetstream.JetStream) []string) []string {
	nc, prefix, err := natsconn.Connect(c.named("jetcapture completion"), slog.New(slog.DiscardHandler),
		nats.Timeout(completionTimeout), nats.NoReconnect())
	if err != nil {
		return nil
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if prefix != "" {
		js, err = jetstream.NewWithAPIPrefix(nc, prefix)
	}
	if err != nil {
		return nil
	}
	return ask(ctx, js)
}
