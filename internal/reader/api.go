package reader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// ErrNoJetStream says that the JetStream API subjects have no listener: JetStream is off, or the domain or API prefix
// is wrong.
var ErrNoJetStream = errors.New("no JetStream")

// ErrNoAnswer says that a request got no answer in time. A missing permission looks like this, because the server drops
// the request and informs only the connection's error handler.
var ErrNoAnswer = errors.New("no answer")

// Codes of the JetStream API, see errors.json of nats-server.
const (
	codeConsumerNotFound = 10014
	codeConsumerExists   = 10148
	codeConsumerNameUsed = 10013
	codeMaxAckPending    = 10121
	codeNoMessage        = 10037
	codeNotEnabled       = 10076
	codeNotEnabledHere   = 10039
	codeStreamNotFound   = 10059
	codeInvalidConfig    = 10052 // of a stream; of a consumer if its filter is not a subject
)

// APIError is an error that the JetStream API answered with.
type APIError struct {
	Subject     string `json:"-"`           // of the request
	Code        int    `json:"code"`        // like HTTP's
	ErrCode     int    `json:"err_code"`    // see errors.json of nats-server
	Description string `json:"description"` // in the server's words
}

// Error says which request failed and why.
func (e *APIError) Error() string {
	return fmt.Sprintf("request %s: %s (%d)", e.Subject, e.Description, e.ErrCode)
}

// apiStatus is the part that all responses of the API share.
type apiStatus struct {
	Err *APIError `json:"error"`
}

func (s *apiStatus) failure() *APIError { return s.Err }

// apiResponse is a response that embeds apiStatus.
type apiResponse interface{ failure() *APIError }

// hasCode reports whether the JetStream API answered with one of the codes.
func hasCode(err error, codes ...int) bool {
	var api *APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrCode)
}

// request asks the JetStream API and waits for the answer, at most for the source's timeout. subject comes without the
// prefix; a nil req is an empty body.
func (s *Source) request(ctx context.Context, subject string, req any, resp apiResponse) error {
	var body []byte
	if req != nil {
		var err error
		if body, err = json.Marshal(req); err != nil {
			return fmt.Errorf("encode the request %s: %w", subject, err)
		}
	}
	subject = s.prefix + "." + subject
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	msg, err := s.nc.RequestWithContext(limited, subject, body)
	if err != nil {
		return s.explain(ctx, subject, err)
	}
	if err := json.Unmarshal(msg.Data, resp); err != nil {
		return fmt.Errorf("decode the answer to %s: %w", subject, err)
	}
	if api := resp.failure(); api != nil {
		api.Subject = subject
		return translate(api)
	}
	return nil
}

// explain turns the client's error into one that names the request and likely causes.
func (s *Source) explain(ctx context.Context, subject string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("request %s: %w: is JetStream enabled for this account, and the domain or API prefix right: %w",
			subject, ErrNoJetStream, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("request %s: %w within %v: %w", subject, ErrNoAnswer, s.timeout, s.denied(subject))
	default:
		return fmt.Errorf("request %s: %w", subject, err)
	}
}

var errSilent = errors.New("the server is not reachable, or the user may not publish to this subject or subscribe to " +
	"the connection's inbox prefix")

// denied returns why an answer may be missing, as far as the connection knows.
func (s *Source) denied(subject string) error {
	if err := s.nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
		if strings.Contains(err.Error(), subject) || strings.Contains(err.Error(), "Subscription") {
			return err
		}
	}
	return errSilent
}

// translate wraps those API errors that callers test for in errors of this package.
func translate(api *APIError) error {
	switch api.ErrCode {
	case codeStreamNotFound:
		return fmt.Errorf("%w: %w", ErrStreamNotFound, api)
	case codeNoMessage:
		return fmt.Errorf("%w: %w", ErrMessageNotFound, api)
	case codeNotEnabled, codeNotEnabledHere:
		return fmt.Errorf("%w: %w", ErrNoJetStream, api)
	default:
		return api
	}
}
