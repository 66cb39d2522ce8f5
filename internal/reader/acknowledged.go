package reader

import "context"

// Acknowledged reports whether everything up to the stream sequence to is acknowledged on a durable consumer. If acks
// of stored messages were lost, the server delivers them again, and an open reader acknowledges them.
func Acknowledged(ctx context.Context, src *Source, consumer string, to uint64) (bool, error) {
	info, err := src.consumer(ctx, consumer)
	if err != nil {
		return false, err
	}
	return info.AckFloor.Stream >= to || (info.NumPending == 0 && info.AckPending == 0), nil
}
