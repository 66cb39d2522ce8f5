package reader

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestUnanswered: JetStream is silent from the first question without an answer on, until it says something for sure.
func TestUnanswered(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	silent := errors.Join(ErrNoAnswer, errors.New("in time"))
	for _, tt := range []struct {
		name   string
		ctx    context.Context
		leader bool
		err    error
		begins bool // of a source that was answered
		ends   bool // of one that was not
	}{
		{"an answer", t.Context(), true, nil, false, true},
		{"an answer without a leader", t.Context(), false, nil, true, false},
		{"no answer", t.Context(), false, silent, true, false},
		{"no quorum", t.Context(), true, &APIError{Code: 503, ErrCode: 10008}, true, false},
		{"no such message", t.Context(), true, &APIError{Code: 404, ErrCode: codeNoMessage}, false, true},
		{"given up", ended, false, context.Canceled, false, false},
	} {
		first, later := time.Unix(1, 0), time.Unix(2, 0)
		s := &Source{}
		s.heard(tt.ctx, first, tt.leader, tt.err)
		if got := !s.Unanswered().IsZero(); got != tt.begins {
			t.Errorf("%s: unanswered after it is %v, want %v", tt.name, got, tt.begins)
		}
		s = &Source{}
		s.heard(t.Context(), first, false, silent)
		s.heard(tt.ctx, later, tt.leader, tt.err)
		if got := s.Unanswered(); got.IsZero() != tt.ends || !tt.ends && !got.Equal(first) {
			t.Errorf("%s: after silence it is unanswered since %v", tt.name, got)
		}
	}
}
