package reader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
)

// warnedAcks is how many acks in a row may stay without a confirmation, until there is a warning.
const warnedAcks = 3

// heard notes whether the acks of a durable consumer reach it. One that is not confirmed is no fault: its delivery may
// have been taken back. If none is confirmed any more, nobody hears them. Any goroutine may use it.
type heard struct {
	mu     sync.Mutex
	ever   bool   // an ack was confirmed
	missed int    // acks in a row that were not
	reply  string // the last one that was not
	warned retry.Limiter
}

// confirmed notes whether an ack was confirmed, and warns. A missing confirmation is an error only on a closed
// connection.
func (h *heard) confirmed(ctx context.Context, src *Source, log *slog.Logger, reply string, err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil:
		h.ever, h.missed = true, 0
		return nil
	case src.nc.IsClosed():
		return fmt.Errorf("acknowledge %s: %w", reply, err)
	case ctx.Err() != nil || !src.nc.IsConnected():
		return nil
	}
	h.missed++
	h.reply = reply
	if h.missed >= warnedAcks && h.warned.Ready(time.Now()) {
		log.Warn("acknowledgements do not reach the consumer", "times", h.missed, "error", err,
			"advice", src.adviseAcks(reply))
	}
	return nil
}

// unheard returns an error if acks do not reach the consumer: if the last ones were not confirmed, and none ever was or
// it happens again and again.
func (h *heard) unheard(src *Source) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.missed == 0 || h.ever && h.missed < warnedAcks {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrUnheard, src.adviseAcks(h.reply))
}

// again repeats the last ack that was not confirmed, and returns nil if it is confirmed now. The caller has made sure
// that the stream is still the one that was read.
func (h *heard) again(ctx context.Context, src *Source) error {
	h.mu.Lock()
	reply := h.reply
	h.mu.Unlock()
	if err := src.confirmedAck(ctx, reply); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ever, h.missed = true, 0
	return nil
}

// ErrUnheard says that acknowledgements do not reach the consumer. What is stored stays stored.
var ErrUnheard = errors.New("acknowledgements do not reach the consumer, which keeps the messages that are stored")

// adviseAcks says what lets the acks pass whose reply subjects begin like reply.
func (s *Source) adviseAcks(reply string) string {
	subject := "$JS.ACK.>"
	if prefix, ok := sharedPart(reply); ok {
		subject = prefix + ">"
	}
	if s.imported() {
		return fmt.Sprintf("the account of JetStream must export %s as a service, and this account import it under the same "+
			"name", subject)
	}
	return fmt.Sprintf("the user needs the permission to publish to %s", subject)
}
