package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// requestTimeout is how long a request may take. What takes longer is as good as denied.
const requestTimeout = 3 * time.Second

// errDenied is the error of a request that the user may not publish.
var errDenied = errors.New("the server denies it to this user")

// errUnanswered is the error of a request that was not made, because N2 or N3 has found that no answer comes.
var errUnanswered = errors.New("no answer can come, see N2 and N3")

// violated reports whether the last error of the connection is that the server denies a subject.
func (n *natsFacts) violated(what, subject string) bool {
	err := n.conn.LastError()
	return errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), what+` "`+subject+`"`)
}

// request publishes and waits for the answer, unless no answer can come back: then it only finds out whether the user
// may publish. Other than a client's request it tells a denial at once: it comes before the answer to the PING of a
// flush.
func (n *natsFacts) request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	reply := n.conn.NewInbox()
	var sub *nats.Subscription
	if !n.mute {
		var err error
		if sub, err = n.conn.SubscribeSync(reply); err != nil {
			return nil, err
		}
		defer func() { _ = sub.Unsubscribe() }() // the connection is closed soon
	}
	m.Reply = reply
	if err := n.conn.PublishMsg(m); err != nil {
		return nil, err
	}
	if err := n.conn.FlushWithContext(limited); err != nil {
		return nil, err
	}
	if n.violated("Publish to", m.Subject) {
		return nil, errDenied
	}
	if sub == nil {
		return nil, errUnanswered
	}
	return sub.NextMsgWithContext(limited)
}

// hasCode reports whether the JetStream API answered with a code of errors.json of nats-server.
func hasCode(err error, code int) bool {
	var api *reader.APIError
	return errors.As(err, &api) && api.ErrCode == code
}

// ask asks the JetStream API. verb comes without the prefix.
func ask[T any](ctx context.Context, n *natsFacts, verb string) (*T, error) {
	if err := n.answers(verb); err != nil {
		return nil, err
	}
	m, err := n.request(ctx, nats.NewMsg(n.prefix+"."+verb))
	if err != nil {
		return nil, fmt.Errorf("%s.%s: %w", n.prefix, verb, err)
	}
	var failed struct {
		Error *reader.APIError `json:"error"`
	}
	answer := new(T)
	if err := errors.Join(json.Unmarshal(m.Data, &failed), json.Unmarshal(m.Data, answer)); err != nil {
		return nil, fmt.Errorf("%s.%s: %w", n.prefix, verb, err)
	}
	if failed.Error != nil {
		failed.Error.Subject = n.prefix + "." + verb
		return nil, failed.Error
	}
	return answer, nil
}

// answers returns an error if it is known that requests with this verb get no answer.
func (n *natsFacts) answers(verb string) error {
	if n.mute || slices.Contains(n.unanswered, n.prefix+"."+verb) {
		return fmt.Errorf("%s.%s: %w", n.prefix, verb, errUnanswered)
	}
	return nil
}

// nextFor is the first message of the stream from a sequence on.
func (n *natsFacts) nextFor(ctx context.Context, seq uint64) (reader.StoredMessage, error) {
	if err := n.answers("STREAM.MSG.GET." + n.source.Stream()); err != nil {
		return reader.StoredMessage{}, err
	}
	return n.source.NextFor(ctx, seq, ">")
}
