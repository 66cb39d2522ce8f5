package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Account is all captures of a NATS account that run as micro services.
type Account struct {
	Conn    *nats.Conn // stays the caller's
	Service string     // name of the services
}

const (
	firstAnswer = 2 * time.Second        // how long the first answer may take
	nextAnswer  = 300 * time.Millisecond // how long after an answer another one may come
)

// errNobody is the error of an account in which no capture answers.
var errNobody = errors.New("no capture answers: those that run with --micro do, if this user may publish to ")

// Look implements Source. Micro services say nothing about fleets.
func (a *Account) Look(ctx context.Context) ([]Seen, *status.Fleet, error) {
	all, err := a.look(ctx)
	return all, nil, err
}

// look asks the services.
func (a *Account) look(ctx context.Context) ([]Seen, error) {
	subject, err := micro.ControlSubject(micro.StatsVerb, a.Service, "")
	if err != nil {
		return nil, err
	}
	if !a.Conn.IsConnected() {
		return nil, errors.New("there is no connection to the server; it is made again as soon as the server answers")
	}
	sub, err := a.Conn.SubscribeSync(a.Conn.NewInbox())
	if err != nil {
		return nil, fmt.Errorf("ask for the captures: %w", err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // it fails only on a connection that is closed
	if err := a.Conn.PublishRequest(subject, sub.Subject, nil); err != nil {
		return nil, fmt.Errorf("ask for the captures: %w", err)
	}
	var all []Seen
	for wait := firstAnswer; ; wait = nextAnswer {
		m, err := next(ctx, sub, wait)
		switch {
		case err == nil:
			if s, ok := seenIn(m.Data); ok {
				all = append(all, s)
			}
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case len(all) > 0:
			return all, nil
		case errors.Is(err, nats.ErrNoResponders), errors.Is(err, context.DeadlineExceeded):
			return nil, fmt.Errorf("%w%s", errNobody, subject)
		default:
			return nil, fmt.Errorf("ask for the captures: %w", err)
		}
	}
}

// next returns the next answer, if it comes in time.
func next(ctx context.Context, sub *nats.Subscription, wait time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return sub.NextMsgWithContext(ctx)
}

// seenIn reads the statistics of a service. Others may have a service of that name, so they may be anything.
func seenIn(answer []byte) (s Seen, ok bool) {
	var stats micro.Stats
	if json.Unmarshal(answer, &stats) != nil {
		return s, false
	}
	for _, e := range stats.Endpoints {
		var c status.Capture
		if e != nil && e.Name == "status" && json.Unmarshal(e.Data, &c) == nil && c.Capture != "" {
			return Seen{c, Process{
				From: stats.ID, Host: stats.Metadata["host"], Version: stats.Version, Started: stats.Started,
				Now: time.Now().UTC(),
			}}, true
		}
	}
	return s, false
}
