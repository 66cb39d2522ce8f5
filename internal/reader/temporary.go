package reader

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
)

// IsTemporary decides whether an error of a Source or of opening a Reader may go away by itself: the server did not answer, is not there, or
// has no leader. Everything that it did answer is not.
func IsTemporary(err error) bool {
	for _, target := range []error{
		ErrNoAnswer, ErrNoJetStream, ErrStreamNotFound, context.DeadlineExceeded,
		nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrReconnectBufExceeded, nats.ErrStaleConnection,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	var api *APIError
	if !errors.As(err, &api) || api.ErrCode == codeInvalidConfig {
		return false
	}
	return api.Code >= 500 // no leader, shutting down, offline, or out of memory, space or file handles
}

// IsUnanswered decides whether an error only says that the server is slow, busy or on its way: the temporary ones that can hardly mean a
// wrong name, a missing permission, or a server without JetStream.
func IsUnanswered(err error) bool {
	for _, target := range []error{ErrNoJetStream, ErrStreamNotFound, nats.ErrNoResponders, nats.ErrPermissionViolation} {
		if errors.Is(err, target) {
			return false
		}
	}
	return IsTemporary(err)
}
