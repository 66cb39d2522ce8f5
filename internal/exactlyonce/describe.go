package exactlyonce

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// described is what the archive has of the stream's configuration. It belongs to the goroutine that plans, see Keeper.
type described struct {
	newest  cutlog.StreamConfig // zero N: there is none
	created time.Time           // of the stream that newest describes, and its configuration as it was answered last
	config  string
	known   bool // newest was looked for
}

// describe is called before plan n is put. It keeps the stream's configuration in the archive if it is another one than
// the newest that the archive has, with the consumers that the stream has now. A change of consumers alone is not kept,
// so that the records do not grow with consumers that come and go. A rehearsal keeps nothing, and may not ask for the
// consumers.
func (k *Keeper) describe(ctx context.Context, s engine.StreamFacts, n uint64) error {
	d := &k.described
	if s.Config == "" || k.cfg.Sample > 0 || d.config == s.Config && d.created.Equal(s.Created) {
		return nil
	}
	if !d.known {
		err := k.retry(ctx, "look for the configuration of the stream", func(ctx context.Context) (err error) {
			d.newest, err = k.writer.Log.NewestStreamConfig(ctx)
			return err
		})
		if err != nil {
			return err
		}
		d.known = true
	}
	if !d.newest.Describes(s.Created, []byte(s.Config)) {
		if err := k.putDescription(ctx, s, n); err != nil {
			return err
		}
	}
	d.created, d.config = s.Created, s.Config
	return nil
}

// putDescription puts the record of a new configuration. If the name is taken by other bytes, that is a damaged record
// of the same content, and nothing more can be done.
func (k *Keeper) putDescription(ctx context.Context, s engine.StreamFacts, n uint64) error {
	c := cutlog.StreamConfig{
		N: n, Before: k.described.newest.ID, Stream: cutlog.Stream{Name: s.Name, Created: s.Created},
		Server: k.stream.Server(), Config: json.RawMessage(s.Config),
	}
	var err error
	if c.Consumers, err = k.stream.Consumers(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		k.run.Observer.Observe(capture.ConsumersUnknown{Err: err})
	}
	rec, err := cutlog.EncodeStreamConfig(k.writer.Capture, c)
	if err != nil {
		return err
	}
	err = k.retry(ctx, "put "+rec.Name, func(ctx context.Context) error {
		_, err := k.writer.Log.Put(ctx, rec)
		return err
	})
	if err != nil {
		return err
	}
	_, c.ID, _ = cutlog.ParseStreamName(rec.Name)
	k.described.newest = c
	return nil
}
