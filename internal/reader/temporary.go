package reader

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
)

// IsTemporary reports whether an error of a Source, or of opening a reader, may go away by itself: the server did not
// answer, cannot be reached, or has no leader. An error that a working server answered with is not temporary.
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

// IsUnanswered reports whether an error only says that the server is slow, busy or still starting. Those are the
// temporary errors that hardly mean a wrong name, a missing permission, or a server without JetStream.
func IsUnanswered(err error) bool {
	for _, target := range []error{ErrNoJetStream, ErrStreamNotFound, nats.ErrNoResponders, nats.ErrPermissionViolation} {
		if errors.Is(err, target) {
			return false
		}
	}
	return IsTemporary(err)
}
