package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Subject is where the events of a capture are published to, without the type. A subject has a token for the whole
// name, which may have dots.
func Subject(capture string) string {
	return "jetcapture.events." + strings.ReplaceAll(capture, ".", "%2E")
}

const (
	putTimeout     = 10 * time.Second
	positionHeader = "ce-jcposition"
	codeWrongLast  = 10071 // errors.json of nats-server: wrong last sequence
	codeWrongConst = 10164 // the same, of a clustered stream
)

// NATS is a sink: a stream of NATS that the user has made for Subject(capture).>. Each event is in it exactly once,
// however many processes publish it, and however often: the stream accepts an event only behind the one that its
// publisher knows as the last. The connection needs no other use.
type NATS struct {
	js      jetstream.JetStream
	name    string
	capture string
	last    uint64 // stream sequence of the last event of the capture
}

// NewNATS names the stream. apiPrefix is that of the JetStream API; empty means the usual one.
func NewNATS(nc *nats.Conn, apiPrefix, name, capture string) (*NATS, error) {
	js, err := jetstream.New(nc)
	if apiPrefix != "" {
		js, err = jetstream.NewWithAPIPrefix(nc, apiPrefix)
	}
	if err != nil {
		return nil, fmt.Errorf("events to stream %s: %w", name, err)
	}
	return &NATS{js: js, name: name, capture: capture}, nil
}

// Last implements Sink.
func (s *NATS) Last(ctx context.Context) (Position, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	stream, err := s.js.Stream(ctx, s.name)
	if err != nil {
		return Position{}, false, fmt.Errorf("look up stream %s of events: %w", s.name, err)
	}
	m, err := stream.GetLastMsgForSubject(ctx, Subject(s.capture)+".>")
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		s.last = 0
		return Position{}, false, nil
	}
	if err != nil {
		return Position{}, false, fmt.Errorf("look up the last event of %s in stream %s: %w", s.capture, s.name, err)
	}
	s.last = m.Sequence
	p, err := parsePosition(m.Header.Get(positionHeader))
	if err != nil {
		return Position{}, false, fmt.Errorf("message %d of stream %s: %w: let nobody else publish to %s.>",
			m.Sequence, s.name, err, Subject(s.capture))
	}
	return p, true, nil
}

// Put implements Sink. The server compares the last sequence of all events of the capture with the one that is known
// here, so of rivals one wins, and a process that wakes up late loses.
func (s *NATS) Put(ctx context.Context, e Event) error {
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	data, err := json.Marshal(e.Data)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	m := nats.NewMsg(Subject(s.capture) + "." + string(e.Type))
	m.Data = data
	for name, v := range map[string]string{
		"ce-specversion": "1.0", "ce-id": e.ID, "ce-source": e.Source, "ce-type": typePrefix + string(e.Type),
		"ce-subject": e.Subject, "ce-time": e.Time.Format(time.RFC3339Nano), "content-type": contentType,
		positionHeader:                          e.Position.String(),
		jetstream.MsgIDHeader:                   e.ID,
		jetstream.ExpectedStreamHeader:          s.name,
		jetstream.ExpectedLastSubjSeqHeader:     strconv.FormatUint(s.last, 10),
		jetstream.ExpectedLastSubjSeqSubjHeader: Subject(s.capture) + ".>",
	} {
		m.Header.Set(name, v)
	}
	ack, err := s.js.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && (api.ErrorCode == codeWrongLast || api.ErrorCode == codeWrongConst):
		return fmt.Errorf("%w: %w", ErrMoved, err)
	case err != nil: // it may be there all the same: Last tells
		return fmt.Errorf("publish event %s to stream %s: %w", e.ID, s.name, err)
	case ack.Duplicate:
		return ErrMoved
	}
	s.last = ack.Sequence
	return nil
}
