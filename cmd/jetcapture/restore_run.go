package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/restore"
	"github.com/nats-io/nats.go"
)

// samples is how many messages are compared after a restore without --verify.
const samples = 32

// restorer is one restore of the command.
type restorer struct {
	*restoreSettings
	*ticker
	console
	from   *archive.Capture
	nc     *nats.Conn
	prefix string

	account archive.Account
	config  restore.StreamConfig
	changes []restore.Change
	result  restore.Result
	kept    []*archive.Item // some messages, to be compared
	seen    int
	damaged []string // files that were left out
	left    uint64   // messages of them
	coarse  uint64   // messages whose times were rounded

	elsewhere uint64       // messages of the range in lives of the stream that are not restored
	pending   *archive.Cut // that the capture had not finished; nil: none

	began time.Time
}

// count finds out what would come back.
func (r *restorer) count(ctx context.Context) (err error) {
	o := r.choice.reading()
	if r.account, err = r.from.Account(ctx, o); err != nil {
		return err
	}
	if err := errors.Join(r.countElsewhere(ctx, o), r.findPending(ctx)); err != nil {
		return err
	}
	switch {
	case r.account.Messages+r.account.Dead > 0:
		return nil
	case r.elsewhere > 0:
		return fmt.Errorf("capture %s: %w of the newest life of the stream; other lives have %s: "+
			"jetcapture ls --cuts names the incarnations, choose one with --incarnation",
			r.from.Name(), restore.ErrNothing, counted(int64(r.elsewhere), "message"))
	}
	return fmt.Errorf("capture %s: %w in the range that was asked for", r.from.Name(), restore.ErrNothing)
}

// countElsewhere counts what other lives of the stream have of the range. Mostly there is one life.
func (r *restorer) countElsewhere(ctx context.Context, o archive.ReadOptions) error {
	lives, err := r.from.Incarnations(ctx)
	if err != nil || len(lives) < 2 {
		return err
	}
	o.Present, o.Incarnation = false, ""
	all, err := r.from.Account(ctx, o)
	r.elsewhere = all.Messages + all.Dead - r.account.Messages - r.account.Dead
	return err
}

// findPending looks for a cut that the capture was making when it ended.
func (r *restorer) findPending(ctx context.Context) error {
	lives, err := r.from.Incarnations(ctx)
	if err != nil || len(lives) == 0 || r.choice.read.Incarnation != "" {
		return err
	}
	newest := lives[len(lives)-1]
	cut, err := r.from.Cut(ctx, max(newest.Opening.N, newest.Newest.N)+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !cut.Finished() {
		r.pending = &cut
	}
	return err
}

// isWhole reports whether neither time nor subject choose among the messages.
func (r *restorer) isWhole() bool {
	o := r.choice.read
	return o.From.IsZero() && o.To.IsZero() && len(o.Subjects) == 0
}

// configure decides how the stream is configured.
func (r *restorer) configure(ctx context.Context) error {
	found, err := r.findConfig(ctx)
	if err != nil {
		return err
	}
	r.config, r.changes = found.Restorable()
	set := map[string]any{"name": r.name}
	if len(r.subjects) > 0 {
		set["subjects"] = r.subjects
	}
	if r.replicas > 0 {
		set["num_replicas"] = r.replicas
	}
	if r.storage != "" {
		set["storage"] = r.storage
	}
	for name, value := range set {
		if err := r.config.Set(name, value); err != nil {
			return err
		}
	}
	if r.origin != "" {
		if err := r.config.MirrorOf(r.origin); err != nil {
			return err
		}
	}
	return r.config.SetMetadata(reader.RestoredKey, r.mark())
}

// mark says in the metadata of the stream what it was restored from.
func (r *restorer) mark() string {
	if !r.isWhole() {
		return fmt.Sprintf("capture %s, incarnation %s, in part", r.from.Name(), r.account.Incarnation)
	}
	return reader.RestoredMark(r.from.Name(), r.account.Incarnation, r.account.Last)
}

// findConfig returns the configuration that the options name, or the newest that the archive has recorded.
func (r *restorer) findConfig(ctx context.Context) (restore.StreamConfig, error) {
	switch {
	case r.configFile != "":
		data, err := os.ReadFile(r.configFile)
		if err != nil {
			return nil, err
		}
		return restore.ParseStreamConfig(data)
	case r.like != "":
		info, err := lookUp(ctx, r.nc, r.prefix, r.like, "--like names one that is there")
		if err != nil {
			return nil, err
		}
		return restore.ParseStreamConfig([]byte(info.Config))
	}
	newest, err := recordedConfig(ctx, r.from, r.choice.read.Incarnation)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w; --like or --stream-config says it, too", err)
	case newest == nil:
		return nil, fmt.Errorf("%w: give --like or --stream-config", errNoConfig)
	}
	return restore.ParseStreamConfig(newest.Config)
}

// try says whether the server would take the stream, as far as that can be told, and fails if not. Without a server, it
// says so.
func (r *restorer) try(ctx context.Context, noServer error) error {
	if noServer != nil {
		say(r.stderr, "jetcapture: whether a server would take the stream was not asked: %v\n", noServer)
		return nil
	}
	if version := r.nc.ConnectedServerVersion(); olderThan(version, 2, 15) {
		return oldServer(version)
	}
	if err := checkName(ctx, r.nc, r.prefix, r.name); err != nil {
		return err
	}
	if err := r.check(ctx); err != nil {
		return err
	}
	if !r.json {
		say(r.stdout, "nothing was restored (--dry-run); as far as can be told, the server would take stream %s\n", r.name)
	}
	return nil
}

// check fails if the server would refuse the stream when it has got all messages, as far as that can be told before.
func (r *restorer) check(ctx context.Context) error {
	if err := r.checkRights(); err != nil {
		return err
	}
	if r.replicas == 0 || r.dryRun { // JetStream may be elsewhere, with a cluster: then the option says so
		if err := checkReplicas(r.nc, r.prefix, r.config, "give it one, by --replicas 1"); err != nil {
			return err
		}
	}
	if r.origin != "" {
		if isDenied(r.nc, cmp.Or(r.prefix, "$JS.API")+".STREAM.INFO."+r.origin) {
			return nil // the server knows
		}
		_, err := lookUp(ctx, r.nc, r.prefix, r.origin, "--as-mirror-of names a living stream")
		return err
	}
	return checkSubjects(ctx, r.nc, r.prefix, r.config, "give it others with --subjects, make it a mirror of that one "+
		"with --as-mirror-of, or restore into another account")
}

// restore sends the messages and compares what came of them.
func (r *restorer) restore(ctx context.Context) error {
	r.began = time.Now()
	defer r.show("")
	o := restore.Options{Config: r.config, Prefix: r.prefix, Progress: r.progress}
	if r.isWhole() {
		o.Last = r.account.Last
	}
	var err error
	r.result, err = restore.Run(ctx, r.nc, r.items(ctx), o)
	if errors.Is(err, restore.ErrNothing) && len(r.damaged) > 0 {
		err = fmt.Errorf("%w but those of damaged files: %s", err, strings.Join(r.damaged, "; "))
	}
	if err != nil {
		return fmt.Errorf("stream %s was not restored: %w", r.name, r.existing(ctx, adviseRestore(err, r.nc)))
	}
	if r.terminal {
		r.show("comparing")
	}
	if r.verify {
		err = r.compareAll(ctx)
	} else {
		err = r.compareSamples(ctx)
	}
	if err != nil {
		return fmt.Errorf("stream %s is there, but not as the archive has it: %w", r.name, err)
	}
	if err := r.limitBucket(ctx); err != nil {
		return fmt.Errorf("stream %s is there with all messages, but is no bucket yet: %w", r.name, err)
	}
	return nil
}

// limitBucket sets the limit again without which a bucket is none, and takes it from the changes if it is as recorded.
func (r *restorer) limitBucket(ctx context.Context) error {
	const name = "max_msgs_per_subject"
	i := slices.IndexFunc(r.changes, func(c restore.Change) bool { return c.Name == name })
	if i < 0 || r.origin != "" { // a mirror gets more messages
		return nil
	}
	var recorded int64
	if err := json.Unmarshal(r.changes[i].Was, &recorded); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b, err := restore.LimitBucket(ctx, r.nc, r.prefix, r.name, recorded)
	switch {
	case err != nil || b.Limit == 0:
		return err
	case b.Key == "":
		r.changes = slices.Delete(r.changes, i, i+1)
	default:
		r.changes[i].Why = fmt.Sprintf("it is %d, because the archive has so many messages of %s", b.Limit, b.Key)
	}
	return nil
}

// items are the messages of the archive. Some of them are kept.
func (r *restorer) items(ctx context.Context) iter.Seq2[*archive.Item, error] {
	o := r.choice.reading()
	if r.skipDamaged {
		o.Damaged = func(err *archive.FileError) error {
			r.damaged = append(r.damaged, err.Error())
			return nil
		}
	}
	return func(yield func(*archive.Item, error) bool) {
		for i, err := range r.from.Messages(ctx, o) {
			switch {
			case err != nil:
			case i.IsMessage() && i.Rounded && !r.rounded:
				err = fmt.Errorf("stream sequence %d: its file (cut %d) has its time in microseconds only; "+
					"--allow-rounded-times restores it so", i.Seq, i.Cut)
			case i.IsMessage():
				r.sample(i)
			case i.Fate == archive.FateDamaged:
				r.left += i.Last - i.Seq + 1
			}
			if !yield(i, err) {
				return
			}
		}
	}
}

// sample keeps some messages, each with the same chance (algorithm R of J. S. Vitter).
func (r *restorer) sample(i *archive.Item) {
	r.seen++
	if i.Rounded {
		r.coarse++
	}
	if len(r.kept) < samples {
		r.kept = append(r.kept, i.Clone())
	} else if n := rand.IntN(r.seen); n < samples { //nolint:gosec // nobody gains by guessing it
		r.kept[n] = i.Clone()
	}
}

// progress shows how far a restore is.
func (r *restorer) progress(p restore.Result) {
	r.tick(func() string {
		rate := float64(p.Messages) / time.Since(r.began).Seconds()
		line := fmt.Sprintf("%s of %s messages, %s/s", thousands(int64(p.Messages)),
			thousands(int64(r.account.Messages+r.account.Dead)), thousands(int64(rate)))
		if rest := r.account.Messages + r.account.Dead - p.Messages; r.isWhole() && rate > 0 {
			line += fmt.Sprintf(", %s left", (time.Duration(float64(rest)/rate) * time.Second).Round(time.Second))
		}
		return line
	})
}

// restoreReport is the result for scripts: members are added, never renamed.
type restoreReport struct {
	Capture     string                     `json:"capture"`
	Stream      string                     `json:"stream"`
	Restored    bool                       `json:"restored"`
	From        uint64                     `json:"from"` // stream sequences that were asked for
	To          uint64                     `json:"to"`
	Messages    uint64                     `json:"messages"` // without a restore, those that the records promise
	DeadLetters uint64                     `json:"dead_letters"`
	Skipped     uint64                     `json:"skipped"`
	Lost        uint64                     `json:"lost"`
	Absent      uint64                     `json:"absent"`
	Damaged     uint64                     `json:"damaged"`
	Rounded     uint64                     `json:"rounded"` // with their times in microseconds
	Files       int64                      `json:"files"`
	FileBytes   int64                      `json:"file_bytes"`
	Stored      uint64                     `json:"stored"` // as the server counts
	Changed     map[string]json.RawMessage `json:"changed,omitempty"`
	Seconds     float64                    `json:"seconds,omitempty"`
}
