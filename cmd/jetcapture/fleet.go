package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

const fleetHelp = `jetcapture fleet shares captures among workers, on any number of machines. Each capture is a message
of a stream, JETCAPTURE_FLEET; jetcapture worker pulls them and runs them.

Usage:
  jetcapture fleet init|apply|ls|drain|rm [OPTIONS]

Commands:
  init    make the fleet, or change its lease or its replicas
  apply   add captures of a configuration file, or change them
  ls      list captures and workers
  drain   have a worker hand over its captures, and take none
  rm      remove captures: their workers make a last cut

jetcapture fleet COMMAND --help explains a command; docs/FLEET.md shows how to go from one process
to a fleet and back.
`

func fleetCommand(c console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "share captures among workers",
		Long:  fleetHelp,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	cmd.AddCommand(fleetInitCommand(c), fleetApplyCommand(c), fleetLsCommand(c), fleetDrainCommand(c), fleetRmCommand(c))
	return cmd
}

// fleetSettings say which fleet a command is about.
type fleetSettings struct {
	name string
	nats connection
}

// options are those of the command, with the fleet's own.
func (s *fleetSettings) options(title string, own ...option) optionSet {
	return optionSet{{title, append(own, fleetOption(&s.name))}, {"Connection", s.nats.options()}}
}

// newFleetCommand returns a command about a fleet, whose options are bound to its settings. run gets the fleet, and
// what is not an option.
func newFleetCommand(
	c console, name, short, help string, s *fleetSettings, options optionSet,
	run func(ctx context.Context, f *fleet.Fleet, args []string) error,
) *cobra.Command {
	cmd := &cobra.Command{
		Use:               name,
		Short:             short,
		Long:              helpText(help, options, "\nExit codes: 0 done, 1 failed, 2 wrong usage.\n"),
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: c.checked(options, s.nats.check, func(ctx context.Context, args []string) error {
			log := slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
			nc, prefix, err := natsconn.Connect(s.nats.named("jetcapture fleet "+name), log)
			if err != nil {
				return err
			}
			defer nc.Close()
			f, err := fleet.New(nc, prefix, s.name)
			if err != nil {
				return &usageError{[]error{err}}
			}
			return adviseDenied(nc, run(ctx, f, args))
		}),
	}
	addFlags(cmd, options.all(), c)
	return cmd
}

const fleetInitHelp = `jetcapture fleet init makes the stream of a fleet, JETCAPTURE_FLEET, and the consumer that its
workers share. If they exist, it changes them; the captures stay.

Usage:
  jetcapture fleet init [OPTIONS]

The lease is how long a worker may be silent before its captures go to others. The shorter, the
sooner they do, and the more often workers say that they live: each capture costs three small
requests in the time of a lease.
`

func fleetInitCommand(c console) *cobra.Command {
	s, cfg := &fleetSettings{}, fleet.Config{}
	options := s.options("The fleet",
		option{
			name: "replicas", arg: "N", value: count(&cfg.Replicas),
			help: "copies of the stream (default: as it has; of a new one 3 in a cluster, 1 on a single server)",
		},
		option{
			name: "lease", arg: "DURATION", value: positiveDuration(&cfg.Lease),
			help: "after a worker was silent for so long, others take its captures; 3s is short (default: as it has; " +
				"of a new fleet 30s)",
		})
	return newFleetCommand(c, "init", "make a fleet", fleetInitHelp, s, options,
		func(ctx context.Context, f *fleet.Fleet, _ []string) error {
			m, err := f.Init(ctx, cfg)
			const noPeers, noReplicas jetstream.ErrorCode = 10005, 10074
			if refused := (*jetstream.APIError)(nil); errors.As(err, &refused) &&
				(refused.ErrorCode == noReplicas || refused.ErrorCode == noPeers) {
				return fmt.Errorf("%w: there are fewer servers than replicas; give --replicas 1", err)
			}
			if err != nil {
				return err
			}
			done := "changed"
			if m.Created {
				done = "made"
			}
			say(c.stdout, "stream %s is %s: %s, a lease of %v\n", f.Stream(), done,
				counted(int64(m.Replicas), "replica"), m.Lease)
			return nil
		})
}

const fleetDrainHelp = `jetcapture fleet drain has a worker hand over its captures to others, and take none, until it is
started again or resumed: before the maintenance of a machine, for instance. It returns when the
worker has handed over all.

Usage:
  jetcapture fleet drain WORKER [OPTIONS]

jetcapture fleet ls names the workers. One that does not answer, since it is frozen or cut off, gets
no order: others take its captures after the lease. A worker that gets SIGTERM hands over by itself.
`

func fleetDrainCommand(c console) *cobra.Command {
	s, resume, wait := &fleetSettings{}, false, time.Minute
	options := s.options("The worker",
		option{name: "resume", help: "let it take captures again", value: boolean(&resume)},
		option{
			name: "wait", arg: "DURATION", value: duration(&wait),
			help: "wait so long for its last cuts; 0 does not wait",
		})
	cmd := newFleetCommand(c, "drain", "have a worker hand over its captures", fleetDrainHelp, s, options,
		func(ctx context.Context, f *fleet.Fleet, args []string) error {
			done, err := drain(ctx, f, args[0], resume, wait)
			if err == nil {
				say(c.stdout, "%s: %s\n", printable(args[0]), done)
			}
			return err
		})
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("the name of one worker is expected; see %s --help", cmd.CommandPath())
		}
		return nil
	}
	return cmd
}

// drain drains a worker or resumes it, and returns what the worker does then.
func drain(
	ctx context.Context, f *fleet.Fleet, worker string, resume bool, wait time.Duration,
) (done string, err error) {
	if resume {
		return "takes captures again", f.Resume(ctx, worker)
	}
	if err := f.Drain(ctx, worker); err != nil || wait == 0 {
		return "hands over what it has, and takes nothing", err
	}
	return "has handed over what it had, and takes nothing", drained(ctx, f, worker, wait)
}

// drained waits until a worker has no captures.
func drained(ctx context.Context, f *fleet.Fleet, worker string, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for ctx.Err() == nil {
		members, err := f.Workers(ctx, false) // it takes a while each time
		if err != nil && ctx.Err() == nil {
			return err
		}
		i := slices.IndexFunc(members, func(m fleet.Member) bool { return m.ID == worker })
		if err == nil && (i < 0 || len(members[i].Tasks) == 0) {
			return nil
		}
	}
	return fmt.Errorf("worker %s still has captures after %v; they make their last cuts", worker, wait)
}

const fleetRmHelp = `jetcapture fleet rm removes captures from a fleet. Their workers make a last cut, a third of the
lease later at most. Their archives stay as they are; jetcapture run, or the fleet again, goes on
where they were. A pattern takes the captures of its streams with it.

Usage:
  jetcapture fleet rm CAPTURE... [OPTIONS]
`

func fleetRmCommand(c console) *cobra.Command {
	s := &fleetSettings{}
	cmd := newFleetCommand(c, "rm", "remove captures from a fleet", fleetRmHelp, s, s.options("The fleet"),
		func(ctx context.Context, f *fleet.Fleet, args []string) error {
			var failed []error
			for _, name := range args {
				failed = append(failed, removeTask(ctx, f, name, c))
			}
			return errors.Join(failed...)
		})
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("the name of a capture is expected; see %s --help", cmd.CommandPath())
		}
		return nil
	}
	return cmd
}

// removeTask removes a capture, or a pattern with the captures of its streams. A pattern may be named as in the file.
func removeTask(ctx context.Context, f *fleet.Fleet, name string, c console) (failed error) {
	names := []string{name}
	was, err := f.Task(ctx, name)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		names = append(names, patternUnitName(name))
	}
	var removed []string
	for _, one := range names {
		switch err := f.Remove(ctx, one); {
		case err == nil:
			removed = append(removed, one)
		case !errors.Is(err, fleet.ErrNoTask):
			failed = errors.Join(failed, err)
		}
		if isPatternUnit(one) {
			all := func(fleet.Task) bool { return true }
			children, err := f.RemoveChildren(ctx, one, all) // without its pattern, too
			removed, failed = append(removed, children...), errors.Join(failed, err)
		}
	}
	for _, one := range removed {
		say(c.stdout, "%s: removed\n", printable(one))
	}
	switch {
	case len(removed) == 0 && failed == nil:
		return noTask(ctx, f, name)
	case was.Parent != "":
		say(c.stderr, "jetcapture: %s makes %s again while its stream is there; exclude_stream of the pattern leaves it "+
			"out\n", printable(was.Parent), printable(name))
	}
	return failed
}

// noTask says that the fleet has no capture of a name, and which one may be meant.
func noTask(ctx context.Context, f *fleet.Fleet, name string) error {
	tasks, err := f.Tasks(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("%w %s", fleet.ErrNoTask, name), err)
	}
	var names []string
	for _, t := range tasks {
		names = append(names, strings.TrimPrefix(t.Name, patternPrefix))
	}
	return fmt.Errorf("%w %s: %s%s lists them", fleet.ErrNoTask, name, didYouMean("", name, names), f.Command("ls"))
}
