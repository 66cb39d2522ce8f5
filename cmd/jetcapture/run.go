package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/events"
	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/logsum"
	"github.com/jetcapture/jetcapture/internal/monitor"
	"github.com/jetcapture/jetcapture/internal/stopsignal"
	"github.com/spf13/cobra"
)

const runIntroduction = "" +
	`jetcapture run copies a stream into files in a folder or a bucket, until SIGTERM, SIGINT or SIGHUP.
With --config, SIGHUP makes it read the file again instead, and change what has changed there.

Usage:
  jetcapture run --stream-name NAME --output PLACE [OPTIONS]

Examples:
  Everything that stream ORDERS holds and will get, a JSON line a message, in files of 15 minutes:
    jetcapture run -s ORDERS -o /var/orders

  What it holds now, then end. Directories of the subject's second token and of the JSON payload:
    jetcapture run -s ORDERS -o /var/orders-by-store --once \
      --key 'store=subject[2]' --key currency=json:total.currency

  The payloads alone, in hourly zstd files, of two subjects:
    jetcapture run -s ORDERS -o /var/orders-eu \
      --filter-subject 'orders.de.>' --filter-subject 'orders.fr.>' \
      --record payload --compression zstd --max-age 1h

  Into a bucket:
    jetcapture run -s ORDERS -o 's3://my-archive/orders?region=eu-central-1'

  A table:
    jetcapture run -s ORDERS -o /var/orders-table --format parquet --column id:int64=json:id \
      --column 'total:decimal(18,2)=json:total.amount' --column placed:timestamp=time

  A work queue: what is stored is acknowledged, and so deleted. Server and credentials are those of
  a context of the nats command:
    jetcapture run -s JOBS -o /var/jobs --consumer-name archive --nats-context production

PLACE is a folder, or a bucket with a prefix: s3://BUCKET/PREFIX?region=REGION, gs://BUCKET/PREFIX
or azblob://CONTAINER/PREFIX?storage_account=ACCOUNT. Credentials come from the environment; rights
and more parameters are in docs/STORES.md.

The files are at PLACE/KEY.../YYYY/MM/DD/HH/mm/CAPTURE-INCARNATION-FIRST-LAST.FORMAT.CODEC, where
the time is the start of the window (UTC) and FIRST and LAST are stream sequences. Dead letters are
below PLACE/_deadletter, the log of the captures is in PLACE/_jetcapture. Started again with the
same stream and place, a capture goes on where it was.

SOURCE is where in a message a key or a column comes from:
  subject        the whole subject
  subject[N]     its Nth token; tokens count from 1
  header:NAME    the first value of a header
  json:PATH      a value of the JSON payload, such as json:items.0.sku
  payload        the payload as it is
  seq            the stream sequence
  time           the time at which the stream took the message, UTC
A key without a value goes to the directory NAME=_none or %5Fnone. A JSON object or array as a key
makes the message poison; so does a payload that is not JSON where --record payload with a json: key
needs it to be. What does not fit a column is kept as --on-mismatch says.

Sizes are bytes or as in 64MiB (binary) and 128MB (decimal), durations as in 90s, 15m or 1h30m. A
switch that is on by default is turned off as in --buffer-to-disk=false.
`

const runConclusion = `
Flags override the environment. With --nats-context, only other flags override the context. With
NATS_CONTEXT, the environment does as well. Without context and server, the context that
"nats context select" has chosen is used, and a log line says so. There are no flags for passwords
and tokens: every user of a machine can see the command lines.
` + exitTable

func runCommand(c console) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "run",
		Short:             "capture streams",
		Long:              helpText(runIntroduction, runOptions(), runConclusion),
		Args:              cobra.ArbitraryArgs, // readSettings refuses them
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			process, all, err := runs(readSettings(cmd, args, c.getenv, os.ReadFile))
			if err != nil {
				return err
			}
			stopsignal.OutlivePipes() // as long as the process: the end of the log is written when this has returned
			r := newRunner(c, &process.report)
			r.reread = rereads(cmd, process, c.getenv)
			return r.run(cmd.Context(), process, all)
		},
	}
	addFlags(cmd, runOptions().all(), c)
	return cmd
}

// runner runs captures and reports them.
type runner struct {
	console
	settings     *reportSettings
	screen       *screen
	sums         *logsum.Handler // that of log
	log          *slog.Logger
	level        *slog.LevelVar              // of the log
	reread       func() ([]*settings, error) // reads the settings again; nil: there is no file in which they could change
	streamsEvery time.Duration               // how often streams of patterns are looked for
	overview     overview                    // of the captures, for the progress line

	connections *connections                      // of the captures
	roamers     *roamers                          // of these connections
	services    *connections                      // of their micro services
	outputs     *sharing[string, cloud.Bucket]    // by place
	eventFiles  *sharing[string, *events.File]    // by path
	budget      atomic.Pointer[jetcapture.Budget] // nil: there is one capture
	print       sync.Mutex                        // held while a summary is printed
}

// newRunner returns a runner whose log and progress line share the standard error.
func newRunner(c console, s *reportSettings) *runner {
	screen := newScreen(c.stderr)
	level := new(slog.LevelVar)
	level.Set(s.level)
	sums := s.newLog(screen, level)
	c.logJSON.Store(s.logJSON)
	log := slog.New(sums)
	return &runner{
		console: c, settings: s, screen: screen, sums: sums, log: log, level: level, streamsEvery: streamsEvery,
		connections: newConnections(log), roamers: newRoamers(log), services: newServiceConnections(log),
		outputs: newOutputs(), eventFiles: newEventFiles(),
	}
}

// run runs captures until ctx ends or all are done, in a process with these options. If one of several fails,
// --on-failure says what becomes of it and of the others; run returns the error in the end.
func (r *runner) run(ctx context.Context, process *settings, all []*settings) (err error) {
	if r.settings.dryRun {
		return r.dryRuns(ctx, all)
	}
	if r.settings.standby > 0 && len(all) > 0 {
		return r.standBy(ctx, process, all)
	}
	systemd, err := newSupervisor(ctx, r.getenv)
	if err != nil {
		return err
	}
	defer systemd.close()
	g := r.newGroup(ctx)
	defer g.cancel()
	m := newMonitoring(process, all, &g.board, r.log)
	if err := m.listen(ctx); err != nil {
		return err
	}
	u := newRunUnits(g)
	begun := make(chan struct{})
	endReloads := r.reloads(ctx, u, process, all, systemd, begun)
	if err = u.start(all...); err != nil { // before anybody can ask how they are
		g.cancel()
	}
	defer u.stop()
	if len(all) == 0 {
		r.idles(g, process)
	}
	stop := m.start(ctx)
	defer func() { stop(err) }()
	defer r.supervise(ctx, systemd, g.ready)()
	defer r.report(ctx)()
	defer r.roamers.start()()
	close(begun)
	defer endReloads()
	return errors.Join(err, g.wait(), u.unmatched, u.errLeft())
}

// capture runs a capture until ctx ends or it is done, and prints its summary. Several run side by side.
func (r *runner) capture(ctx context.Context, s *settings, seen *monitor.Entry) (err error) {
	defer func() { seen.End(err) }()
	what := &s.capture
	name := "jetcapture"
	if r.budget.Load() == nil {
		name += " " + what.library.NATSStreamName
	}
	nc, leave, err := r.connections.take(ctx, reach{s.nats.named(name), what.library.Wait})
	if err != nil {
		return early(ctx, what.library.Once, err)
	}
	defer func() { _ = leave() }()
	what.library.APIPrefix = nc.prefix
	return r.store(ctx, s, seen, func(c *rowCapture) error {
		defer r.roamers.add(nc.Conn, c)()
		return advise(c.Run(ctx, nc.Conn))
	})
}

// early is what a capture has come to that failed before anything was read. If it was stopped, that is no failure.
func early(ctx context.Context, once bool, err error) error {
	switch {
	case ctx.Err() == nil || !errors.Is(err, context.Canceled):
		return err
	case once:
		return incomplete(jetcapture.Stats{State: jetcapture.StateStarting})
	}
	return nil
}

// rowCapture is a capture of the command.
type rowCapture = jetcapture.Capture[form.Row, form.Key]

// store makes a capture with the place and form that s says, has it run, and prints its summary.
func (r *runner) store(
	ctx context.Context, s *settings, seen *monitor.Entry, run func(*rowCapture) error,
) (err error) {
	what := &s.capture
	archive, leave, err := r.outputs.take(ctx, what.output)
	if err != nil {
		return early(ctx, what.library.Once, err)
	}
	defer func() { err = errors.Join(err, leave()) }()
	var rescued atomic.Int64
	watch := what.watch(r.log)
	o := what.captureOptions(archive, r.log, form.Hooks{Rescued: func() { rescued.Add(1) }, Watch: watch})
	sum := newSummary(what, archive.String())
	told, err := r.tell(ctx, s, archive, seen)
	if err != nil {
		_, closing := told.stop()
		return errors.Join(err, closing)
	}
	o.Hooks.CutDone = told.done
	o.Budget = r.budget.Load()
	capture := o.Build()

	seen.Run(capture)
	end := r.overview.add(what.name(), capture.Stats)
	stop := r.serve(s, archive.String(), seen, capture)
	err = run(capture)
	stop()
	end()
	watch.End()

	stats := capture.Stats()
	if err == nil {
		err = r.settings.judge(ctx, what.library.Once, stats)
	}
	sum.Rescued = rescued.Load()
	sum.finish(stats, err)
	untold, closing := told.stop()
	sum.Untold = untold
	return errors.Join(err, closing, r.printSummary(sum))
}

// printSummary prints the summary of a capture, of which several may end at a time.
func (r *runner) printSummary(sum *summary) error {
	r.print.Lock()
	defer r.print.Unlock()
	r.sums.Flush()
	r.screen.show("") // what comes may go to the standard output
	r.screen.flush()
	if r.settings.logJSON {
		r.log.Info("summary", "summary", sum)
	}
	return sum.print(r.stdout, r.screen, r.settings)
}

// report starts a goroutine that reports on the running captures: that they are stopping, and how far they are, on a
// line of the terminal, or in the log once a minute. stop ends it and waits for it.
func (r *runner) report(ctx context.Context) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	show, every := r.logProgress(), logProgressEvery
	if r.settings.showsProgress(r.screen) {
		show, every = r.showProgress(), progressEvery
	}
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		stopping := ctx.Done()
		for {
			select {
			case <-ended:
				r.sums.Flush()
				r.screen.show("")
				return
			case <-stopping:
				stopping = nil
				r.log.Info("stopping: storing what was read; a second signal gives up at once")
			case now := <-ticker.C:
				show(now)
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// showProgress returns the function that draws the progress line.
func (r *runner) showProgress() func(now time.Time) {
	p := progress{}
	return func(now time.Time) {
		state, stats := r.overview.stats()
		r.screen.show(p.line(now, state, stats))
	}
}

// logProgress returns the function that logs how far each capture is. Its rate is that since the last call.
func (r *runner) logProgress() func(now time.Time) {
	before, last := map[string]int64{}, time.Now()
	return func(now time.Time) {
		seconds := now.Sub(last).Seconds()
		messages := map[string]int64{}
		for name, s := range r.overview.running() {
			rate := float64(s.Messages-before[name]) / seconds
			messages[name] = s.Messages
			r.log.Info("progress", append([]any{
				"capture", name, "state", s.State, "lag", left(s),
				"last_seq", max(s.LastSeq, s.StoredSeq), // before the first message, all that is stored was read by others
				"stored_seq", s.StoredSeq,
				"messages_per_second", int64(math.Round(rate)), "open_files", s.OpenBlocks, "held_bytes", s.Memory + s.Spooled,
			}, storing(s.Storing)...)...)
		}
		before, last = messages, now
	}
}
