package reader

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Unanswered is when JetStream stopped answering questions about the stream, or answered without knowing a leader of
// it. It is zero while there are answers. A server that has lost its peers gives none, although the connection stands.
func (s *Source) Unanswered() time.Time {
	if since := s.unanswered.Load(); since != 0 {
		return time.Unix(0, since)
	}
	return time.Time{}
}

// heard notes how a question about the stream has ended, which was asked under ctx at the time asked. leader: the
// answer knows one. Without a leader, any server that has a copy of the stream answers for itself.
func (s *Source) heard(ctx context.Context, asked time.Time, leader bool, err error) {
	var api *APIError
	switch {
	case err != nil && ctx.Err() != nil: // given up
	case err == nil && leader, errors.As(err, &api) && api.Code != http.StatusServiceUnavailable:
		s.unanswered.Store(0)
	default:
		s.unanswered.CompareAndSwap(0, asked.UnixNano()) // else it has begun before
	}
}
