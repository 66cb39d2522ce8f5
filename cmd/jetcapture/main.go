// Command jetcapture copies NATS JetStream streams into immutable files. See jetcapture --help.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jetcapture/jetcapture/internal/stopsignal"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/spf13/cobra"
)

// console is what a command sees of the world besides files and network.
type console struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	logJSON        *atomic.Bool // what goes to stderr are lines of JSON; set at any time, from any goroutine
	hangUps        *stopsignal.HangUps
}

// main is the only place that exits, besides the second signal.
func main() {
	debug.SetTraceback("crash") // Go's own end is a signal, so that exitUsage means nothing else
	stderr := startLogQueue(os.Stderr)
	hangUps := new(stopsignal.HangUps)
	ctx := stopOnSignal(stderr, hangUps)
	limitHeap(os.Getenv)
	code := execute(ctx, os.Args, console{os.Stdout, stderr, os.Getenv, &stderr.json, hangUps})
	stderr.close(logPatience)
	os.Exit(code)
}

// heapGrowth is GOGC of the command where the environment does not say: how far the heap may outgrow what is in use, in
// percent. With Go's own default, 100, the memory limit of open files counts twice. Lower values cost processor time:
// docs/PERFORMANCE.md. Until the first collection it is firstGrowth, with which the heap of a command that has just
// begun may have 32 MiB: most reach that anyway, and would collect a dozen times on the way.
const (
	heapGrowth  = 40
	firstGrowth = 800
)

// limitHeap sets firstGrowth, and heapGrowth as soon as the first collection has ended. It must come before anything
// that allocates much.
func limitHeap(getenv func(string) string) {
	if getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(firstGrowth)
	garbage := new([16]byte) // smaller ones may share their memory, and stay
	runtime.AddCleanup(garbage, func(growth int) { debug.SetGCPercent(growth) }, heapGrowth)
}

// stopOnSignal returns a context that the first SIGINT, SIGTERM or SIGHUP ends. The second one ends the process at
// once. Neither does a SIGHUP that a command takes.
func stopOnSignal(stderr *logQueue, hangUps *stopsignal.HangUps) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	first, second, _ := stopsignal.Notify(hangUps)
	go func() { // as long as the process
		<-first
		cancel()
		<-second
		complain(stderr, stderr.json.Load(), slog.LevelError,
			"second signal, giving up: what is not stored is still in the stream")
		stderr.flush(logPatience / 4)
		os.Exit(exitKilled)
	}()
	return ctx
}

// execute runs the command line args, prints its error, and returns the exit code. args begins with the name of the
// program.
func execute(ctx context.Context, args []string, c console) int {
	root := newRoot(c)
	if len(args) > 1 && strings.HasPrefix(args[1], cobra.ShellCompRequestCmd) {
		registerCompletions(root)
	}
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
	asJSON := c.logJSON.Load() || asksForJSON(args)
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		complain(c.stderr, asJSON, slog.LevelError, printable(urls.ShowText(line)))
	}
	return exitCode(err)
}

// asksForJSON reports whether a command line that could not be read asks for a log of JSON lines.
func asksForJSON(args []string) bool {
	return slices.Contains(args, "--log-json") || slices.Contains(args, "--log-json=true")
}

// complain writes a line that is not of the log, in the form of the log.
func complain(w io.Writer, asJSON bool, level slog.Level, text string) {
	if asJSON {
		record := slog.NewRecord(time.Now(), level, text, 0)
		_ = slog.NewJSONHandler(w, nil).Handle(context.Background(), record) // a log that fails is lost
		return
	}
	say(w, "jetcapture: %s\n", text)
}
