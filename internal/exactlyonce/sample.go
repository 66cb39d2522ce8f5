package exactlyonce

import (
	"context"
	"errors"
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// What a sample takes at most, beside its number of messages.
const (
	sampleTime  = 5 * time.Second
	sampleBytes = 16 << 20
)

// sampled reads the beginning of what a capture would read, and then nothing. It has no consumer: it asks the stream's
// leader for each message, so that it leaves no trace, also in a work queue.
type sampled struct {
	span
	batch reader.Batch // all that it read
}

// takeSample reads up to n messages after a stream sequence.
func (k *Keeper) takeSample(ctx context.Context, after, last uint64, n int) (*sampled, error) {
	limited, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	stored := reader.OpenStored(k.stream, k.cfg.Filter, after, last)
	s := &sampled{batch: reader.Batch{Through: after}}
	for size := 0; !stored.Done() && len(s.batch.Messages) < n && size < sampleBytes; {
		b, err := stored.Next(limited)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, m := range b.Messages {
			size += m.Size
		}
		s.batch.Messages = append(s.batch.Messages, b.Messages...)
		s.batch.Through = b.Through
	}
	if len(s.batch.Messages) > n {
		s.batch.Messages = s.batch.Messages[:n]
		s.batch.Through = s.batch.Messages[n-1].Seq
	}
	s.batch.Pending = last - s.batch.Through
	return s, nil
}

// Next implements reader.Reader. After the sample it waits until it is stopped: the run ends at the end of the sample.
func (s *sampled) Next(ctx context.Context) (reader.Batch, error) {
	if b := s.batch; b.Through > 0 {
		s.batch = reader.Batch{}
		return b, nil
	}
	<-ctx.Done()
	return reader.Batch{}, ctx.Err()
}

// AcksNear implements streamReader.
func (*sampled) AcksNear(time.Time) (string, bool) { return "", false }

// Unacked implements streamReader.
func (*sampled) Unacked() (n, limit int) { return 0, 0 }
