// Package replay publishes the messages of an archive into a stream, of any server.
package replay

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	window   = 256              // messages without an answer
	ackAfter = 30 * time.Second // a server that does not answer for so long has failed
)

// Options say how messages are published.
type Options struct {
	Stream string   // that must take them
	Takes  []string // its subjects, for errors; may be empty
	Map    []Mapping
	// Speed is how many times faster than the stream took them they are published. Zero: as fast as the server takes them.
	Speed float64
	// KeepSequences lets the server refuse a message that would get another sequence than it has.
	KeepSequences bool
	// Progress is called after each answer, by the goroutine of Run. Zero: never.
	Progress func(Result)
}

// Result is what was published, as far as the server has confirmed it.
type Result struct {
	Messages, Bytes uint64
	Duplicates      uint64 // of the messages: they were there from an earlier replay
	Last            uint64 // sequence in the archive up to which all were confirmed; 0: none
}

// Run publishes the messages among the items in their order. It ends with the first error; some messages behind
// Result.Last may have been stored then. The first message is confirmed before the second one is published.
func Run(
	ctx context.Context, js jetstream.JetStream, items iter.Seq2[*archive.Item, error], o Options,
) (Result, error) {
	r := &run{Options: o, js: js}
	for i, err := range items {
		if err != nil {
			return r.result, err
		}
		if !i.IsMessage() {
			continue
		}
		if err := r.publish(ctx, i); err != nil {
			return r.result, err
		}
	}
	return r.result, r.confirm(ctx, 0)
}

// run is one replay.
type run struct {
	Options
	js      jetstream.JetStream
	result  Result
	pending []pending // in the order in which they were published
	began   time.Time // when the first message was published
	first   time.Time // its time
}

// pending is a message without an answer.
type pending struct {
	seq     uint64
	subject string
	bytes   int
	answer  jetstream.PubAckFuture
}

// publish publishes a message when it is due.
func (r *run) publish(ctx context.Context, i *archive.Item) error {
	allowed := window - 1
	if r.result.Messages == 0 {
		allowed = 0
	}
	if err := r.confirm(ctx, allowed); err != nil {
		return err
	}
	if err := r.pace(ctx, i.Time); err != nil {
		return err
	}
	m := r.message(i)
	// Without a second try, which might come behind the messages that follow.
	answer, err := r.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
	if err != nil {
		return r.failed(i.Seq, m.Subject, err)
	}
	r.pending = append(r.pending, pending{i.Seq, m.Subject, len(m.Data), answer})
	if r.result.Messages == 0 {
		return r.denied(ctx, i.Seq, m.Subject)
	}
	return nil
}

// denied fails if the user may not publish to the subject of the first message: then there is no answer to wait for.
func (r *run) denied(ctx context.Context, seq uint64, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, ackAfter)
	defer cancel()
	nc := r.js.Conn()
	if err := nc.FlushWithContext(ctx); err != nil {
		return r.failed(seq, subject, err)
	}
	err := nc.LastError()
	if errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), `"`+subject+`"`) {
		return r.failed(seq, subject, err)
	}
	return nil
}

// pace waits until a message of that time is due. Meanwhile it takes answers.
func (r *run) pace(ctx context.Context, t time.Time) error {
	if r.began.IsZero() {
		r.began, r.first = time.Now(), t
	}
	if r.Speed <= 0 {
		return nil
	}
	due := time.NewTimer(time.Until(r.began.Add(time.Duration(float64(t.Sub(r.first)) / r.Speed))))
	defer due.Stop()
	for len(r.pending) > 0 {
		select {
		case <-due.C:
			return nil
		case ack := <-r.pending[0].answer.Ok():
			r.confirmed(ack)
		case err := <-r.pending[0].answer.Err():
			return r.failed(r.pending[0].seq, r.pending[0].subject, err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	select {
	case <-due.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// confirm waits until so many messages at most have no answer.
func (r *run) confirm(ctx context.Context, allowed int) error {
	for len(r.pending) > allowed {
		select {
		case ack := <-r.pending[0].answer.Ok():
			r.confirmed(ack)
		case err := <-r.pending[0].answer.Err():
			return r.failed(r.pending[0].seq, r.pending[0].subject, err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// confirmed notes the answer to the first message that has none.
func (r *run) confirmed(ack *jetstream.PubAck) {
	p := r.pending[0]
	r.pending = r.pending[1:]
	r.result.Messages++
	r.result.Bytes += uint64(p.bytes)
	r.result.Last = p.seq
	if ack.Duplicate {
		r.result.Duplicates++
	}
	if r.Progress != nil {
		r.Progress(r.result)
	}
}

// otherStream is the server's code for a message that another stream would have to take than the expected one.
const otherStream jetstream.ErrorCode = 10060

// failed explains why a message was not taken.
func (r *run) failed(seq uint64, subject string, err error) error {
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode == otherStream:
		return r.untaken(seq, subject, "another stream takes that", "")
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return r.untaken(seq, subject, "no stream takes that", ", or add that one to the stream")
	case errors.Is(err, nats.ErrPermissionViolation):
		err = fmt.Errorf("the user may not publish to %s: allow that, or give the messages other subjects with --map "+
			"'FROM=TO' (%w)", subject, err)
	}
	return fmt.Errorf("publish stream sequence %d into stream %s: %w", seq, r.Stream, err)
}

// untaken is the error of a message whose subject the stream does not take. more is what can be done besides.
func (r *run) untaken(seq uint64, subject, who, more string) error {
	takes := ""
	if len(r.Takes) > 0 {
		takes = ", which takes " + strings.Join(r.Takes, ", ")
	}
	return fmt.Errorf("stream sequence %d was not published into stream %s%s: its subject is %s, and %s: give it a "+
		"subject of the stream with --map 'FROM=TO'%s", seq, r.Stream, takes, subject, who, more)
}

// JetStream returns what Run publishes with. The prefix is that of the JetStream API; empty: $JS.API.
func JetStream(nc *nats.Conn, prefix string) (jetstream.JetStream, error) {
	options := []jetstream.JetStreamOpt{
		jetstream.WithPublishAsyncMaxPending(2 * window), jetstream.WithPublishAsyncTimeout(ackAfter),
	}
	if prefix == "" {
		return jetstream.New(nc, options...)
	}
	return jetstream.NewWithAPIPrefix(nc, prefix, options...)
}
