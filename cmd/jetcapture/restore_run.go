package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

	elsewhere uint64 // messages of the range in lives of the stream that are not restored

	began time.Time
}

// count finds out what would come back.
func (r *restorer) count(ctx context.Context) (err error) {
	o := r.choice.reading()
	if r.account, err = r.from.Account(ctx, o); err != nil {
		return err
	}
	if err := r.countElsewhere(ctx, o); err != nil {
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

// existing adds to the error of a restore into a stream that exists what that stream is. If an earlier restore was
// killed, the server keeps what it has got, be it all or a part.
func (r *restorer) existing(ctx context.Context, err error) error {
	const restoreExists, streamExists = 10130, 10058 // errors.json of nats-server
	var refused *reader.APIError
	if !errors.As(err, &refused) || refused.ErrCode != restoreExists && refused.ErrCode != streamExists {
		return err
	}
	info, asked := reader.NewSource(r.nc, r.prefix, r.name).Info(ctx)
	if asked != nil { // still being made, or removed
		return fmt.Errorf("%w: if it is what a restore has left that was killed, wait a minute and try again", err)
	}
	var config struct {
		Metadata map[string]string `json:"metadata"`
	}
	if json.Unmarshal([]byte(info.Config), &config) != nil || config.Metadata[reader.RestoredKey] != r.mark() {
		return err
	}
	has, want := info.Messages, r.account.Messages+r.account.Dead
	if has < want {
		return fmt.Errorf("%w: a restore of this archive is making it, or was broken off, with %s of %s messages: "+
			"if none is running, delete it (nats stream rm %s) and try again",
			err, thousands(int64(has)), thousands(int64(want)), r.name)
	}
	return fmt.Errorf("%w: an earlier restore of this archive has made it, with as many messages: compare them with "+
		"jetcapture verify --against-stream, or delete it (nats stream rm %s) and try again", err, r.name)
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
		info, err := reader.NewSource(r.nc, r.prefix, r.like).Info(ctx)
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

// try fails if the server would refuse the stream, as far as that can be told. Without a server, it says so.
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
	return r.checkSubjects(ctx)
}

// checkSubjects fails if another stream has a subject of this one.
func (r *restorer) checkSubjects(ctx context.Context) error {
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

// adviseRestore adds to an error of a restore what can be done about it.
func adviseRestore(err error, nc *nats.Conn) error {
	if version := nc.ConnectedServerVersion(); olderThan(version, 2, 15) {
		return fmt.Errorf("%w: %w", err, oldServer(version))
	}
	if errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("%w: the user needs the permission to publish to $JS.API.STREAM.RESTORE.* and "+
			"$JS.SNAPSHOT.RESTORE.>, or there is no JetStream", err)
	}
	return err
}

// oldServer is the error of a server that cannot restore messages.
func oldServer(version string) error {
	return fmt.Errorf("the server is nats-server %s, and archives of messages can be restored from 2.15 on: jetcapture "+
		"replay publishes them", version)
}

// olderThan compares a version of a server; what cannot be read is not older.
func olderThan(version string, major, minor int) bool {
	var a, b int
	if n, err := fmt.Sscanf(version, "%d.%d", &a, &b); n != 2 || err != nil {
		return false
	}
	return a < major || a == major && b < minor
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
