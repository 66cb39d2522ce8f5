// Command jetcapture copies NATS JetStream streams into immutable files. See jetcapture --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/jetcapture/jetcapture/internal/stopsignal"
	"github.com/jetcapture/jetcapture/internal/urls"
)

// The exit codes.
const (
	exitDone   = 0                   // done, or stopped cleanly
	exitFailed = 1                   // an error says what to do
	exitUsage  = 2                   // wrong flags or values
	exitKilled = stopsignal.ExitCode // given up at a second signal
)

// console is what a command sees of the world besides files and network.
type console struct {
	stdout, stderr io.Writer
	getenv         func(string) string
}

// main is the only place that exits, besides the second signal.
func main() {
	ctx := stopOnSignal(os.Stderr)
	limitHeap(os.Getenv)
	os.Exit(execute(ctx, os.Args, console{os.Stdout, os.Stderr, os.Getenv}))
}

// heapGrowth is GOGC of the command where the environment does not say: how far the heap may outgrow what is in use, in
// percent. With Go's own default, 100, the memory limit of open files counts twice. Lower values cost processor time:
// docs/PERFORMANCE.md.
const heapGrowth = 40

// limitHeap sets heapGrowth. It must come before anything that allocates much.
func limitHeap(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}

// stopOnSignal returns a context that the first SIGINT or SIGTERM ends. The second one ends the process at once.
func stopOnSignal(stderr io.Writer) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	first, second, _ := stopsignal.Notify()
	go func() { // as long as the process
		<-first
		cancel()
		<-second
		fmt.Fprintln(stderr, "jetcapture: second signal, giving up: what is not stored is still in the stream")
		os.Exit(exitKilled)
	}()
	return ctx
}

// execute runs the command line args, prints its error, and returns the exit code. args begins with the name of the
// program.
func execute(ctx context.Context, args []string, c console) int {
	root := newRoot(c)
	root.SetArgs(args[1:])
	cmd, rest, err := root.Find(args[1:])
	if err == nil {
		err = oneDash(cmd, rest)
	}
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return exitDone
	}
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		fmt.Fprintln(c.stderr, "jetcapture:", printable(urls.ShowText(line)))
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}
