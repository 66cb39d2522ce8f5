// Command jetcapture copies NATS JetStream streams into immutable files. See jetcapture --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// The exit codes.
const (
	exitDone   = 0   // done, or stopped cleanly
	exitFailed = 1   // an error says what to do
	exitUsage  = 2   // wrong flags or values
	exitKilled = 130 // given up at a second signal
)

// console is what a command has of the world beside files and network.
type console struct {
	stdout, stderr io.Writer
	getenv         func(string) string
}

func main() {
	ctx := stopOnSignal(os.Stderr)
	limitHeap(os.Getenv)
	os.Exit(execute(ctx, os.Args, console{os.Stdout, os.Stderr, os.Getenv}))
}

// heapGrowth is GOGC of the command where the environment does not say: how far the heap may outgrow what is in use, in percent. With Go's own default,
// 100, the memory limit of open files counts twice. Lower ones cost processor time: docs/PERFORMANCE.md.
const heapGrowth = 40

func limitHeap(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}

// echo is within which time the same signal once more is no second one: `timeout` and some supervisors send each to the process and to its group.
const echo = 500 * time.Millisecond

// stopOnSignal returns a context that the first SIGINT or SIGTERM ends. The second one, but for an echo, ends the process at once.
func stopOnSignal(stderr io.Writer) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // as long as the process
		first := <-signals
		came := time.Now()
		cancel()
		for <-signals == first && time.Since(came) < echo {
		}
		fmt.Fprintln(stderr, "jetcapture: second signal, giving up: what is not stored is still in the stream")
		os.Exit(exitKilled)
	}()
	return ctx
}

// execute runs the command line args, prints its error, and returns the exit code. args begins with the name of the program.
func execute(ctx context.Context, args []string, c console) int {
	err := newApp(c).RunContext(ctx, args)
	if err == nil {
		return exitDone
	}
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		fmt.Fprintln(c.stderr, "jetcapture:", line)
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}
