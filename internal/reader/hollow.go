package reader

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// sizeHeader is set by the server on each message of a consumer with headers_only (nats-server, consumer.go).
const sizeHeader = "Nats-Msg-Size"

// hollow reports whether the message looks as if its payload was left out.
func hollow(m *nats.Msg) bool {
	_, ok := m.Header[sizeHeader]
	return ok && len(m.Data) == 0
}

// whole makes sure that messages without a payload, which say in a header what size it has, are stored like that. If
// one is not, somebody has set headers_only on the consumer. Of a message that the stream has dropped since, nobody can
// tell, and nobody can get more. Only then is the last message of the batch one by which the stream is recognised.
func (f *follower) whole(ctx context.Context, b *batch) error {
	if !b.hollow {
		return nil
	}
	for i := range b.Messages {
		m := &b.Messages[i]
		if !hollow(m.Msg) {
			continue
		}
		var stored StoredMessage
		err := f.retry(ctx, func(ctx context.Context) (err error) {
			if stored, err = f.src.Get(ctx, m.Seq); errors.Is(err, ErrMessageNotFound) {
				err = nil
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case len(stored.Data) > 0:
			return f.disturbed(fmt.Sprintf("it delivered stream sequence %d without its payload (headers_only)", m.Seq))
		}
	}
	b.hollow = false
	if last := b.Messages[len(b.Messages)-1]; last.Seq > f.id.last.Seq {
		f.id.accepted(last)
	}
	return nil
}
