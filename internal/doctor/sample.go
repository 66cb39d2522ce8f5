package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// sampleFacts is what an examination has learnt of the messages.
type sampleFacts struct {
	rate      rate
	rateKnown bool
	messages  int
	keys      int // different ones among the messages
	poison    int
}

const (
	sampleSize   = 100              // messages of a dry run
	sampleBudget = 10 * time.Second // for reading them
)

// checkDecoder is check X2: a dry run on the newest messages. Nothing is stored, and no consumer is needed.
func (e *exam) checkDecoder(ctx context.Context) {
	const name = "decoder"
	state := e.nats.stream.State
	if state.Msgs == 0 {
		e.skip("X2", name, "the stream has no message to try", "publish one")
		return
	}
	messages, err := e.newest(ctx)
	if err != nil {
		e.skip("X2", name, err.Error(), "no message can be read: see N2")
		return
	}
	s, keys := &e.sample, map[string]bool{}
	var first error
	var at uint64
	for _, m := range messages {
		key, err := e.decode(m)
		if err != nil && first == nil {
			first, at = err, m.Seq
		}
		if err != nil {
			s.poison++
		} else {
			keys[key] = true
		}
	}
	s.messages, s.keys = len(messages), len(keys)
	seen := fmt.Sprintf("different keys of the newest %d messages: %d", s.messages, s.keys)
	switch {
	case s.messages == 0:
		e.note("X2", name, "none of the newest messages passes the filter", "check --filter-subject")
	case s.poison > 0:
		seen = fmt.Sprintf("%d of the newest %d messages are poison; sequence %d: %v", s.poison, s.messages, at, first)
		e.warn("X2", name, seen,
			"--on-poison says what becomes of them", "change --record, --key, --column or --on-mismatch; or mend the publisher")
	default:
		e.ok("X2", name, seen+"; all of them become rows")
	}
}

// decode makes rows of one message, as a capture does.
func (e *exam) decode(m reader.Message) (string, error) {
	if len(m.Header) > 0 {
		return "", fmt.Errorf("its header cannot be parsed: %q", m.Header[:min(len(m.Header), 100)])
	}
	return e.Decode(m.Msg)
}

// newest reads the newest messages that pass the filter.
func (e *exam) newest(ctx context.Context) (messages []reader.Message, err error) {
	ctx, cancel := context.WithTimeout(ctx, sampleBudget)
	defer cancel()
	if err := e.nats.answers("STREAM.MSG.GET." + e.Capture.Stream); err != nil {
		return nil, err
	}
	last := e.nats.stream.State.LastSeq
	after := last - min(last, sampleSize)
	for rest := reader.OpenStored(e.nats.source, e.Filter, after, last); !rest.Done(); {
		b, err := rest.Next(ctx)
		if err != nil {
			return messages, err
		}
		messages = append(messages, b.Messages...)
	}
	return messages, nil
}
