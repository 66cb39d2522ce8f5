// Command jetcapture copies NATS JetStream streams into immutable files. See jetcapture --help.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/jetcapture/jetcapture/internal/stopsignal"
	"github.com/jetcapture/jetcapture/internal/urls"
)

// console is what a command sees of the world besides files and network.
type console struct {
	stdout, stderr io.Writer
	getenv         func(string) string
}

// main is the only place that exits, besides the second signal.
func main() {
	debug.SetTraceback("crash") // Go's own end is a signal, so that exitUsage means nothing else
	stderr := startLogQueue(os.Stderr)
	ctx := stopOnSignal(stderr)
	limitHeap(os.Getenv)
	code := execute(ctx, os.Args, console{os.Stdout, stderr, os.Getenv})
	stderr.close(logPatience)
	os.Exit(code)
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

// stopOnSignal returns a context that the first SIGINT, SIGTERM or SIGHUP ends. The second one ends the process at
// once.
func stopOnSignal(stderr *logQueue) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	first, second, _ := stopsignal.Notify()
	go func() { // as long as the process
		<-first
		cancel()
		<-second
		fmt.Fprintln(stderr, "jetcapture: second signal, giving up: what is not stored is still in the stream")
		stderr.flush(logPatience / 4)
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
	return exitCode(err)
}
