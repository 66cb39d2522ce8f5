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
// one is not, somebody has set headers_only on the consumer.
func (f *follower) whole(ctx context.Context, messages []Message) error {
	for i := range messages {
		m := &messages[i]
		if !hollow(m.Msg) {
			continue
		}
		stored := StoredMessage{}
		err := f.retry(ctx, func(ctx context.Context) (err error) {
			if stored, err = f.src.Get(ctx, m.Seq); errors.Is(err, ErrMessageNotFound) {
				err = nil // dropped since: it does not come again
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case stored.Seq != m.Seq || len(stored.Data) > 0:
			return f.disturbed(fmt.Sprintf("it delivered stream sequence %d without its payload (headers_only)", m.Seq))
		}
	}
	return nil
}
