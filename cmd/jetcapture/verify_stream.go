package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// stream is the stream of a capture as a verification reads it. It leaves no trace. With limits retention it reads
// through an ephemeral consumer, which it deletes. With other retentions, where a consumer can delete or keep messages,
// it asks for one message after the other. One goroutine uses it.
//
// It must not share the blind spots of the capture. So its consumer has no filter, where that is allowed, and what the
// consumer leaves out is asked of the stream's leader, see passedOver.
type stream struct {
	source *reader.Source
	filter []string
	info   reader.StreamInfo
	second witness

	reader *reader.Ordered // nil: not open
	at     uint64          // everything up to this sequence was handed over
	rest   []reader.Message
	read   uint64 // everything up to this sequence was handed over or is in rest
}

// newStream names the stream that a capture is bound to.
func newStream(nc *nats.Conn, apiPrefix string, f cutlog.Format) *stream {
	return &stream{
		source: reader.NewSource(nc, apiPrefix, f.Stream), filter: f.Filter, second: witness{most: witnessList},
	}
}

// Info implements archive.Stream.
func (s *stream) Info(ctx context.Context) (archive.StreamInfo, error) {
	info, err := s.source.Info(ctx)
	if errors.Is(err, reader.ErrStreamNotFound) {
		return archive.StreamInfo{}, fmt.Errorf("%w: %s", archive.ErrNoStream, s.source.Stream())
	}
	if err != nil {
		return archive.StreamInfo{}, err
	}
	s.info = info
	s.second.listed = false
	return archive.StreamInfo{Created: info.Created, First: info.FirstSeq, Last: info.LastSeq}, nil
}

// Messages implements archive.Stream.
func (s *stream) Messages(ctx context.Context, after, through uint64) iter.Seq2[archive.Message, error] {
	if s.info.Retention != nats.LimitsPolicy {
		return s.oneByOne(ctx, after, through)
	}
	return s.inBatches(ctx, after, through)
}

// oneByOne asks for each message by itself.
func (s *stream) oneByOne(ctx context.Context, after, through uint64) iter.Seq2[archive.Message, error] {
	return func(yield func(archive.Message, error) bool) {
		for seq := after + 1; seq <= through; seq++ {
			m, err := s.source.Get(ctx, seq)
			switch {
			case errors.Is(err, reader.ErrMessageNotFound):
				continue
			case err != nil:
				yield(archive.Message{}, err)
				return
			// the API cannot say a subject that is not UTF-8
			case !s.wants(m.Subject), strings.ContainsRune(m.Subject, utf8.RuneError):
				continue
			case !yield(storedMessage(m), nil):
				return
			}
		}
	}
}

// storedMessage parses the header as the client does for a delivered message.
func storedMessage(m reader.StoredMessage) archive.Message {
	header, raw := m.ParseHeader()
	if raw == nil {
		raw = m.KeptBlock()
	}
	return archive.Message{Seq: m.Seq, Time: m.Time, Subject: m.Subject, Header: header, HeaderRaw: raw, Data: m.Data}
}

// wants reports whether the filter lets a subject through.
func (s *stream) wants(subject string) bool {
	for _, f := range s.filter {
		if wire.Matches(f, subject) {
			return true
		}
	}
	return len(s.filter) == 0
}

// verifyHeartbeat is how soon an idle consumer says that there is nothing more.
const verifyHeartbeat = 250 * time.Millisecond

// inBatches reads through a consumer. The next call goes on with the same consumer.
func (s *stream) inBatches(ctx context.Context, after, through uint64) iter.Seq2[archive.Message, error] {
	return func(yield func(archive.Message, error) bool) {
		if err := s.position(ctx, after); err != nil {
			yield(archive.Message{}, err)
			return
		}
		for {
			for len(s.rest) > 0 && s.rest[0].Seq <= through {
				if !s.handOver(ctx, yield) {
					return
				}
			}
			if s.read >= through {
				if s.passedOver(ctx, s.at, through, yield) {
					s.at = through
				}
				return
			}
			b, err := s.reader.Next(ctx)
			if err != nil {
				yield(archive.Message{}, err)
				return
			}
			s.rest, s.read = append(s.rest, b.Messages...), max(s.read, b.Through)
		}
	}
}

// handOver yields the next message, and before it what the consumer has left out. It returns false when the iteration
// is over.
func (s *stream) handOver(ctx context.Context, yield func(archive.Message, error) bool) bool {
	m := s.rest[0]
	if !s.passedOver(ctx, s.at, m.Seq-1, yield) {
		return false
	}
	s.rest, s.at = s.rest[1:], m.Seq
	message, ok := deliveredMessage(m)
	return !ok || !s.wants(message.Subject) || yield(message, nil)
}

// position opens a reader that goes on after a sequence, unless the one that is open is there already.
func (s *stream) position(ctx context.Context, after uint64) error {
	if s.reader != nil && s.at == after {
		return nil
	}
	if err := s.Close(ctx); err != nil {
		return err
	}
	at := reader.Position{After: after, Created: s.info.Created}
	s.rest, s.at, s.read = nil, after, after
	open := func(filter []string) (err error) {
		s.reader, err = reader.OpenOrdered(ctx, s.source, reader.OrderedConfig{
			Name: "jetcapture-verify-" + nuid.Next(), Filter: filter, FailWhenGone: true,
			Timing: reader.Timing{Heartbeat: verifyHeartbeat},
		}, at)
		if err != nil {
			s.reader = nil
		}
		return err
	}
	if s.second.filtered {
		return open(s.filter)
	}
	err := open(nil)
	if errors.Is(err, reader.ErrNoAnswer) && len(s.filter) > 0 { // the user may read these subjects only
		s.second.filtered = true
		err = open(s.filter)
	}
	return err
}

// deliveredMessage is a message of the consumer; not ok if the stream dropped it before its header could be asked for.
func deliveredMessage(m reader.Message) (archive.Message, bool) {
	out := archive.Message{
		Seq: m.Seq, Time: time.Unix(0, m.Time), Subject: m.Msg.Subject, Header: m.Msg.Header,
		HeaderRaw: m.Header, Data: m.Msg.Data,
	}
	if m.Block != "" {
		out.HeaderRaw = []byte(m.Block)
	}
	return out, m.Header == nil || len(m.Header) > 0
}

// Close implements archive.Stream.
func (s *stream) Close(ctx context.Context) error {
	if s.reader == nil {
		return nil
	}
	r := s.reader
	s.reader = nil
	return r.Close(ctx)
}
