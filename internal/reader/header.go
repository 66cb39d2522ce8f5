package reader

import (
	"context"
	"errors"

	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
)

// The client hands over what it has parsed of a header block, and not the block. It passes over lines without a name
// and what follows an empty line, and of a block that it cannot parse it hands over nothing, without an error (nats.go,
// processMsg). But it counts the whole block in the size of the message.

// HeaderOf takes apart the header of a message that a decoder got: what a client parses of it, and the whole block if
// that is more, otherwise nil.
func HeaderOf(m *nats.Msg) (parsed nats.Header, block []byte) { return wire.SplitBlock(m.Header) }

// blockSize returns the size of the header block with which a message was delivered.
func blockSize(m *nats.Msg) int { return m.Size() - len(m.Subject) - len(m.Reply) - len(m.Data) }

// unparsed reports whether the message has a header block that the client could not parse.
func unparsed(m *nats.Msg) bool { return m.Header == nil && blockSize(m) > 0 }

// odd reports whether the header block of a message must be fetched from the stream, because the client has lost some
// of it. An empty block is known without that.
func odd(m *nats.Msg) bool {
	size := blockSize(m)
	return !wire.IsWhole(m.Header, size) && !isEmptyBlock(m.Header, size)
}

func isEmptyBlock(h nats.Header, size int) bool {
	return h != nil && len(h) == 0 && size == len(wire.EmptyBlock)
}

// KeptBlock returns the stored block if its parsed header does not hold all of it, and nil if it does or there is none.
// Whenever and however a message is read, the result is the same.
func (m StoredMessage) KeptBlock() []byte {
	header, raw := m.ParseHeader()
	if raw != nil || len(m.Header) == 0 || len(header) > 0 && wire.IsWhole(header, len(m.Header)) {
		return nil
	}
	return m.Header
}

// complete fetches the header blocks that the client has lost in part, several at a time.
func (f *follower) complete(ctx context.Context, b *batch) error {
	if b.odd == 0 {
		return nil
	}
	var missing []*Message
	for i := range b.Messages {
		if m := &b.Messages[i]; m.Header == nil && m.Block == "" && odd(m.Msg) {
			missing = append(missing, m)
		}
	}
	err := f.retry(ctx, func(ctx context.Context) error {
		return parallel.Each(ctx, storedWorkers, len(missing), func(ctx context.Context, i int) error {
			return f.fetchHeader(ctx, missing[i])
		})
	})
	if err != nil {
		return err
	}
	b.odd = 0
	for _, m := range missing {
		if f.id.last.Seq == m.Seq {
			f.id.last.Header = m.Header
		}
	}
	return nil
}

// fetchHeader sets the block of a message. If the stream has dropped the message since, the block of one that could not
// be parsed is empty, and of another one there is no more than the client has parsed.
func (f *follower) fetchHeader(ctx context.Context, m *Message) error {
	stored, err := f.src.Get(ctx, m.Seq)
	gone := errors.Is(err, ErrMessageNotFound) || errors.Is(err, ErrStreamNotFound)
	switch {
	case err != nil && !gone:
		return err
	case unparsed(m.Msg) && gone:
		m.Header = []byte{}
	case unparsed(m.Msg):
		m.Header = stored.Header
	case !gone && stored.Seq == m.Seq:
		m.Block = string(stored.KeptBlock())
	}
	return nil
}
