package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// skip leaves a message out on purpose.
func (l *loop[P, K]) skip(seq uint64) {
	l.cut.Skip(seq)
	l.stats.update(func(s *Stats) { s.Skipped++ })
}

// poison deals with a message that cannot be decoded or written.
func (l *loop[P, K]) poison(ctx context.Context, m *reader.Message, cause error) error {
	p := &PoisonError{Stream: l.opts.NATSStreamName, Seq: m.Seq, Subject: m.Msg.Subject, Err: cause}
	l.tellPoison(p)
	switch l.opts.Poison {
	case PoisonDeadLetter:
		err := l.table.addDead(m, l.letter(m, cause))
		var full *spoolError
		if errors.As(err, &full) {
			return l.waitForSpool(ctx, full)
		}
		return err
	case PoisonSkip:
		l.skip(m.Seq)
		return nil
	}
	return fmt.Errorf("poison message (policy fail): %w", p)
}

// tellPoison counts and reports a poison message.
func (r *run[P, K]) tellPoison(p *PoisonError) {
	if r.opts.Poison == PoisonDeadLetter {
		r.stats.update(func(s *Stats) { s.Dead++ })
	}
	r.log.Warn("poison message", "seq", p.Seq, "subject", p.Subject, "policy", r.opts.Poison, "error", p.Err)
	hook(r.hooks, r.opts.Hooks.Poison, PoisonMessage{Policy: r.opts.Poison, Err: p})
}

// letter makes the dead letter of a message.
func (r *run[P, K]) letter(m *reader.Message, cause error) DeadLetter {
	d := DeadLetter{
		Stream: r.opts.NATSStreamName, Seq: m.Seq, Time: time.Unix(0, m.Time).UTC(),
		Subject: m.Msg.Subject, SubjectRaw: rawSubject(m.Msg.Subject), Header: m.Msg.Header, HeaderRaw: m.Header, Data: m.Msg.Data, Error: cause.Error(),
	}
	if d.HeaderRaw == nil {
		d.HeaderRaw = rawHeader(m.Msg.Header)
	}
	return d
}
