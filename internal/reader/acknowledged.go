package reader

import "context"

// Acknowledged tells whether a durable consumer has everything acknowledged up to the stream sequence to. Messages that are stored, but
// whose acks were lost, come again to a reader that is at work, which acknowledges them.
func Acknowledged(ctx context.Context, src *Source, consumer string, to uint64) (bool, error) {
	info, err := src.consumer(ctx, consumer)
	if err != nil {
		return false, err
	}
	return info.AckFloor.Stream >= to || (info.NumPending == 0 && info.AckPending == 0), nil
}
