package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/exactlyonce"
	"github.com/jetcapture/jetcapture/internal/logstore"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// logFacts is what an examination has learnt of the cut log. The zero value is that of a capture that has none.
type logFacts struct {
	to       uint64 // everything up to this stream sequence is stored
	created  time.Time
	writer   string // instance that made the last cut
	consumer string // its ephemeral consumer
}

// next is the first stream sequence that is not stored. A new capture may begin behind what the stream has.
func (l logFacts) next(beginsNew bool, last uint64) uint64 {
	if l.created.IsZero() && beginsNew {
		return last + 1
	}
	return l.to + 1
}

// checkLog is check X1, as far as the archive alone can tell.
func (e *exam) checkLog(ctx context.Context, store Store) {
	const name = "archive"
	log := cutlog.New(logstore.Store{Bucket: store}, e.Log)
	birth, err := log.Birth(ctx)
	switch {
	case err != nil:
		e.badLog(err)
		return
	case birth.Stage == cutlog.StageFresh:
		e.ok("X1", name, "there is no capture of this name yet: jetcapture run begins one")
		return
	}
	want := cutlog.Format{
		Capture: e.Log, Stream: e.Capture.Stream, Domain: reader.Domain(e.nats.prefix), Filter: e.Filter,
	}
	if e.nats.conn == nil { // a context of the nats command may know the domain
		want.Domain = birth.Format.Domain
	}
	if err := birth.Format.Agrees(want); err != nil {
		e.problem("X1", name, err.Error(), "the capture refuses to go on with another stream or filter",
			"give another --capture or --output")
		return
	}
	head, err := log.Head(ctx)
	if err != nil {
		e.badLog(err)
		return
	}
	e.log = logFacts{
		to: head.Plan.To, created: head.Plan.Stream.Created, writer: head.Plan.Writer.Instance,
		consumer: exactlyonce.ConsumerName(e.Log, head.Plan.Writer.Instance),
	}
	seen := fmt.Sprintf("cut %d, of %s by %s, ends at stream sequence %d",
		head.N, head.Plan.Time.UTC().Format(time.RFC3339), head.Plan.Writer.Instance, head.Plan.To)
	if head.Done == nil {
		e.note("X1", name, seen+", and is not finished", "the next start finishes it, as it was planned")
		return
	}
	e.ok("X1", name, seen)
}

func (e *exam) badLog(err error) {
	const name = "archive"
	var corrupt *cutlog.CorruptError
	var version *cutlog.VersionError
	switch {
	case errors.As(err, &corrupt):
		e.problem("X1", name, err.Error(), "nobody may write to a damaged log", "jetcapture verify "+e.Output+" --quick")
	case errors.As(err, &version):
		e.problem("X1", name, err.Error(), "a later jetcapture has written this log", "update jetcapture")
	default:
		e.problem("X1", name, err.Error(), "the capture reads its log at each start", "see S1")
	}
}

// checkSameStream is the part of X1 that needs the stream: whether it is the one that was captured.
func (e *exam) checkSameStream() {
	const name = "archive"
	was, is := e.log.created, e.nats.stream.Created
	if was.IsZero() || was.Equal(is) {
		return
	}
	seen := fmt.Sprintf("the stream was created at %s, the one that was captured at %s",
		is.UTC().Format(time.RFC3339Nano), was.UTC().Format(time.RFC3339Nano))
	if is.Before(was) {
		e.problem("X1", name, seen, "an older stream of this name is another one, perhaps on another server: it is refused",
			"check --nats-server; or give another --capture")
		return
	}
	e.warn("X1", name, seen, "it is captured into files of its own, as a stream that was deleted and created again",
		"check --nats-server, if nobody has recreated the stream")
}
