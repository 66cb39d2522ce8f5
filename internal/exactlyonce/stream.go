package exactlyonce

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// stream is what a Keeper asks its stream. In production that is natsStream, or copySource if the messages come from an
// archive; the simulation of the loop has one in memory. Durable consumers are not part of it. The methods are those of
// reader.Source, and several goroutines may call them.
type stream interface {
	reader.Lookup
	Info(ctx context.Context) (reader.StreamInfo, error)
	Deleted(ctx context.Context) (cutlog.SeqSet, reader.StreamInfo, error)
	Before(ctx context.Context, name string, at time.Time) (uint64, error)
	Server() string
	Consumers(ctx context.Context) ([]json.RawMessage, error)
	// openOrdered begins to read through an ephemeral consumer, as reader.OpenOrdered does.
	openOrdered(ctx context.Context, cfg reader.OrderedConfig, at reader.Position) (streamReader, error)
}

// natsStream is the stream of a server.
type natsStream struct{ *reader.Source }

func (s natsStream) openOrdered(
	ctx context.Context, cfg reader.OrderedConfig, at reader.Position,
) (streamReader, error) {
	return reader.OpenOrdered(ctx, s.Source, cfg, at)
}
