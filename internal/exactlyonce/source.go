package exactlyonce

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/nats-io/nats.go"
)

// tellEvery is how often StreamUnreachable is reported.
const tellEvery = time.Minute

// Facts implements engine.Source. It waits for a stream that is gone, cannot be asked or is being restored. It does not
// with Once, nor before Open has succeeded once, since the name of the stream may be wrong.
func (k *Keeper) Facts(ctx context.Context) (engine.StreamFacts, error) {
	told := retry.Limiter{Every: tellEvery}
	for {
		info, err := k.stream.Info(ctx)
		if err == nil {
			err = info.Restoring()
		}
		if err == nil {
			k.run.Observer.Observe(capture.StreamSeen{Info: info})
			return k.streamFacts(info), k.checkRetention(info)
		}
		if ctx.Err() != nil || !k.started || k.run.Config.Once {
			return engine.StreamFacts{}, err
		}
		if told.Ready(time.Now()) {
			k.run.Observer.Observe(capture.StreamUnreachable{Err: err})
		}
		if err := retry.Pause(ctx, time.Second); err != nil {
			return engine.StreamFacts{}, err
		}
	}
}

// streamFacts returns what the engine needs to know of a stream.
func (k *Keeper) streamFacts(info reader.StreamInfo) engine.StreamFacts {
	return engine.StreamFacts{
		Name: info.Name, Created: info.Created, Configured: info.ConfiguredFirst,
		FirstSeq: info.FirstSeq, LastSeq: info.LastSeq, Newest: info.LastTime,
		Retention: engine.Retention{
			Acks: info.Retention != nats.LimitsPolicy, Filtered: len(k.cfg.Filter) > 0, Mirror: info.Mirror,
			Oldest: info.Drops.Oldest, Any: info.Drops.Any,
		},
		Config: info.Config,
	}
}

// checkRetention refuses to read a stream through an ephemeral consumer if acks delete messages there.
func (k *Keeper) checkRetention(info reader.StreamInfo) error {
	if info.Retention == nats.LimitsPolicy || k.cfg.Consumer != "" || k.cfg.Sample > 0 {
		return nil
	}
	return fmt.Errorf(
		"stream %s has %v retention: what is acknowledged is deleted there, so it is read through a durable consumer only; "+
			"name one (the command: --consumer-name)",
		info.Name, info.Retention)
}

// Look implements engine.Source: it compares the stream's message at the place of the anchor with the anchor.
func (k *Keeper) Look(ctx context.Context, a cutlog.Anchor) (engine.AnchorLook, error) {
	if a.Seq == 0 || k.entry.Copied != nil { // nothing was read yet that could have changed, or finished cuts do not
		return engine.AnchorSame, nil
	}
	m, err := k.stream.Get(ctx, a.Seq)
	switch {
	case errors.Is(err, reader.ErrMessageNotFound):
		return engine.AnchorMissing, nil
	case err != nil:
		return 0, fmt.Errorf("look at the anchor, stream sequence %d: %w", a.Seq, err)
	case capture.AnchorOfStored(m) == a:
		return engine.AnchorSame, nil
	}
	return engine.AnchorOther, nil
}

// Prepare implements engine.Source. It creates the durable consumer if it is missing and may be created.
func (k *Keeper) Prepare(ctx context.Context) error {
	if k.cfg.Consumer == "" {
		return nil
	}
	_, err := reader.AckFloor(ctx, k.run.Source, k.durableConfig())
	return err
}

// First implements engine.Source. It returns the sequence after which a new capture begins.
func (k *Keeper) First(ctx context.Context, s engine.StreamFacts) (uint64, error) {
	start, before := k.cfg.Start, max(s.FirstSeq, 1)-1 // before is the sequence before the first message
	switch {
	case k.cfg.Consumer != "":
		floor, err := reader.AckFloor(ctx, k.run.Source, k.durableConfig())
		return max(floor, before), err
	case start.New:
		return s.LastSeq, nil
	case start.Seq > s.LastSeq+1:
		return 0, fmt.Errorf("start at sequence %d: stream %s ends at %d; start with new to capture only what comes",
			start.Seq, s.Name, s.LastSeq)
	case start.Seq > 0:
		return max(start.Seq-1, before), nil
	case !start.Time.IsZero():
		at, err := k.after(ctx, start.Time)
		return max(at, before), err
	}
	return before, nil
}
