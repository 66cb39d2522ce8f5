// Command bench measures how fast jetcapture copies a stream, against a bare consumer that only counts the messages.
//
//	go run ./bench cat [-rounds N] [-messages N] [-dir DIR] [-jetcapture COMMAND]
//	go run ./bench captures [-captures N] [-rounds N] [-rate N] [-over DURATION] [-apart=false] [-dir DIR]
//	go run ./bench [-rounds N] [-messages N] [-jobs a,b] [-json] [-dir DIR] [-jetcapture COMMAND] [-list]
//
// Every job is a process of its own, timed from its start to its exit, with durable files. The server is one, too,
// because its CPU time must not count as ours. This program starts itself for the server, for publishing and for the
// jobs that are not the jetcapture command; the first argument then names the part. It stays small and does not use
// NATS itself, because Linux counts the memory of a process into the peak of the processes that it starts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errUsage stands for wrong flags, which package flag has already reported to the user.
var errUsage = errors.New("wrong usage")

// part is one of the processes of bench.
type part func(ctx context.Context, args []string, stdout, stderr io.Writer) error

// parts returns the processes for which bench starts itself, by the argument that names them.
func parts() map[string]part {
	return map[string]part{
		"server":  runServer,
		"publish": runPublish,
		"bare":    runBare,
		"csv":     runCSV,
		"log":     runLog,
		"scrape":  runScrape,
		"cat":     runCat,

		"captures": runCaptures,
		"load":     runLoad,
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		if p, ok := parts()[args[0]]; ok {
			return p(ctx, args[1:], stdout, stderr)
		}
	}
	return runHarness(ctx, args, stdout, stderr)
}

// settings are the flags of the harness.
type settings struct {
	messages   int
	rounds     int
	jobs       []job
	json       bool
	dir        string
	jetcapture string
}

// parseSettings returns flag.ErrHelp if it has printed everything that the flags ask for.
func parseSettings(args []string, stdout, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.messages, "messages", 1_000_000, "messages of the streams (those of large messages hold fewer)")
	flags.IntVar(&s.rounds, "rounds", 5, "rounds; in each, every job runs once")
	names := flags.String("jobs", "",
		"comma-separated jobs; where no bare consumer is named, all those of the stream run (default all)")
	list := flags.Bool("list", false, "list the jobs and exit")
	flags.BoolVar(&s.json, "json", false, "print JSON instead of a table")
	flags.StringVar(&s.dir, "dir", "", "directory on the disk to measure, for the server's "+
		"store and the archives (default the system's temporary directory)")
	flags.StringVar(&s.jetcapture, "jetcapture", "", "jetcapture command to measure (default: built from this module)")
	if err := flags.Parse(args); err != nil {
		return s, usage(err)
	}
	if flags.NArg() > 0 {
		return s, complain(stderr, "unexpected argument %q", flags.Arg(0))
	}
	if s.messages < 1 || s.rounds < 1 {
		return s, complain(stderr, "-messages and -rounds are at least 1")
	}
	if *list {
		for _, j := range allJobs() {
			fmt.Fprintf(stdout, "%-20s %s\n", j.name, j.about)
		}
		return s, flag.ErrHelp
	}
	var err error
	if s.jobs, err = selectJobs(allJobs(), *names); err != nil {
		return s, complain(stderr, "%v", err)
	}
	return s, nil
}

// usage turns an error of package flag into errUsage, except for flag.ErrHelp.
func usage(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return errUsage
}

// complain prints a message for the user and returns errUsage.
func complain(stderr io.Writer, format string, args ...any) error {
	fmt.Fprintf(stderr, "bench: "+format+"\n", args...)
	return errUsage
}

// selectJobs returns the named jobs in the order of the table, or all if there are no names. If no bare consumer of a
// stream is named, it adds all of them.
func selectJobs(all []job, names string) ([]job, error) {
	if names == "" {
		return all, nil
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(names, ",") {
		wanted[name] = true
	}
	read, bare := map[string]bool{}, map[string]bool{} // by stream
	for _, j := range all {
		if wanted[j.name] {
			read[j.stream] = true
			bare[j.stream] = bare[j.stream] || j.bare
		}
	}
	var selected []job
	for _, j := range all {
		if wanted[j.name] || j.bare && read[j.stream] && !bare[j.stream] {
			selected = append(selected, j)
		}
		delete(wanted, j.name)
	}
	for name := range wanted {
		return nil, fmt.Errorf("no job is named %q; -list prints the names", name)
	}
	return selected, nil
}

// machine describes where a run was made.
func machine() string {
	return fmt.Sprintf("%s/%s, %d CPUs, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}
