package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/permission"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A request of the JetStream API with this body is refused, and so answered, without doing anything: it is not JSON,
// and not empty. All requests of a capture can be tried with it, also those that would create or delete a consumer.
const refusedBody = "{"

// progressBody is that of an acknowledgement which says "in progress". For a message that was not delivered it has no
// effect, and is answered.
const progressBody = "+WPI"

// outcome is what came of a try.
type outcome int

const (
	answered outcome = iota
	denied
	unheard // nothing listens there
	silent
)

// checkPermissions are the checks N2, each subject by itself, and N3, the way back.
func (e *exam) checkPermissions(ctx context.Context) {
	inbox := e.tryInbox()
	e.nats.mute = !inbox
	tried, bad := 0, 0
	for _, r := range e.nats.rules {
		if r == e.inboxRule() {
			continue
		}
		tried++
		o := e.try(ctx, r)
		if o == denied || o == silent {
			e.nats.unanswered = append(e.nats.unanswered, r.Try)
		}
		if !e.judge(ctx, r, o) {
			bad++
		}
	}
	if bad == 0 {
		e.ok("N2", "permissions", fmt.Sprintf("all %d subjects may be used", tried))
	}
	if inbox {
		e.roundTrip(ctx)
	}
}

// tryInbox subscribes to an inbox, and reports whether the server allows that.
func (e *exam) tryInbox() bool {
	nc := e.nats.conn
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err == nil {
		err = nc.FlushTimeout(requestTimeout)
		defer func() { _ = sub.Unsubscribe() }() // the connection is closed soon
	}
	rule := e.inboxRule()
	switch {
	case err != nil:
		e.problem("N3", "inbox", err.Error(), "answers and messages come to an inbox", "nats rtt")
		return false
	case e.nats.violated("Subscription to", sub.Subject):
		e.problem("N3", "inbox", "the server denies the subscription to "+sub.Subject, rule.Need,
			"allow the user to subscribe to "+rule.Subject+", or give the prefix that it may use by --nats-inbox-prefix")
		return false
	}
	return true
}

func (e *exam) inboxRule() permission.Rule {
	for _, r := range e.nats.rules {
		if r.Op == permission.Subscribe {
			return r
		}
	}
	return permission.Rule{}
}

// try publishes to the subject of a rule what has no effect there, or subscribes to it for a moment.
func (e *exam) try(ctx context.Context, r permission.Rule) outcome {
	if r.Op == permission.Subscribe {
		return e.trySubscription(r)
	}
	m := nats.NewMsg(r.Try)
	switch {
	case strings.HasPrefix(r.Try, "$JS.ACK."):
		m.Data = []byte(progressBody)
	case strings.HasPrefix(r.Try, e.nats.prefix+"."):
		m.Data = []byte(refusedBody)
	default: // if a stream takes the subject, it must not take this
		m.Header.Set(jetstream.ExpectedStreamHeader, "no stream has this name")
	}
	_, err := e.nats.request(ctx, m)
	switch {
	case err == nil, errors.Is(err, errUnanswered):
		return answered
	case errors.Is(err, errDenied):
		return denied
	case errors.Is(err, nats.ErrNoResponders):
		return unheard
	}
	return silent
}

func (e *exam) trySubscription(r permission.Rule) outcome {
	nc := e.nats.conn
	sub, err := nc.SubscribeSync(r.Try)
	if err != nil {
		return silent
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection is closed soon
	switch err := nc.FlushTimeout(requestTimeout); {
	case err != nil:
		return silent
	case e.nats.violated("Subscription to", r.Try):
		return denied
	}
	return answered
}

// judge adds what a try means, and reports whether it is well.
func (e *exam) judge(ctx context.Context, r permission.Rule, o outcome) bool {
	const name = "permissions"
	switch {
	case o == denied && r.Optional:
		e.warn("N2", name, fmt.Sprintf("the server denies this user to %s to %s", r.Op, r.Try), r.Need,
			fmt.Sprintf("allow the user to %s to %s", r.Op, r.Subject))
	case o == denied:
		e.problem("N2", name, fmt.Sprintf("the server denies this user to %s to %s", r.Op, r.Try), r.Need,
			fmt.Sprintf("allow the user to %s to %s; all that is needed: jetcapture doctor --print-permissions",
				r.Op, r.Subject))
	case (o == unheard || o == silent) && !e.isHeard(ctx, r):
		return true // nobody listens before the consumer is there
	case o == unheard && strings.HasPrefix(r.Try, "$JS.ACK."):
		e.problem("N2", name, "nobody listens on "+r.Subject, "acknowledgements would reach nobody, without an error",
			"import it from the account of the stream, as the JetStream API is")
	case o == unheard && strings.Contains(r.Try, ".CONSUMER.RESET."):
		e.problem("N2", name, "nobody listens on "+r.Try, r.Need,
			"update nats-server to 2.14 or later, or import the subject")
	case o == unheard:
		e.problem("N2", name, "nobody listens on "+r.Try, r.Need,
			"enable JetStream for this account, or check --js-domain, --js-api-prefix and the imports of the account")
	case o == silent:
		e.problem("N2", name, fmt.Sprintf("no answer to %s within %v", r.Try, requestTimeout), r.Need,
			"look whether a leaf node or an import on the way denies the subject, and whether the cluster has a leader: "+
				"nats server report jetstream")
	default:
		return true
	}
	return false
}

// isHeard reports whether the subject of a rule must have a listener at present. Pulls, resets and acknowledgements are
// heard by the consumer itself, the rest of the JetStream API by the server, and other subjects by somebody or nobody.
func (e *exam) isHeard(ctx context.Context, r permission.Rule) bool {
	own := strings.Contains(r.Try, ".CONSUMER.MSG.NEXT.") || strings.Contains(r.Try, ".CONSUMER.RESET.") ||
		strings.HasPrefix(r.Try, "$JS.ACK.")
	if !own {
		return strings.HasPrefix(r.Try, e.nats.prefix+".")
	}
	name := e.Capture.Durable
	if name == "" {
		return false // it is created when the capture starts
	}
	info, err := ask[jetstream.ConsumerInfo](ctx, &e.nats, "CONSUMER.INFO."+e.Capture.Stream+"."+name)
	return err == nil && info.Config.AckPolicy != jetstream.AckNonePolicy // which N5 refuses
}

// roundTrip is check N3.
func (e *exam) roundTrip(ctx context.Context) {
	began := time.Now()
	_, err := ask[struct{}](ctx, &e.nats, "STREAM.INFO."+e.Capture.Stream)
	took := time.Since(began)
	const slow = 500 * time.Millisecond
	seen := fmt.Sprintf("a request takes %v", took.Round(10*time.Microsecond))
	var api *reader.APIError
	switch {
	case err != nil && !errors.As(err, &api):
		return // N2 has said it
	case took > slow:
		e.warn("N3", "inbox", seen, "each cut makes some requests, and reading waits for them",
			"run the capture near the server")
	default:
		e.ok("N3", "inbox", seen)
	}
}
