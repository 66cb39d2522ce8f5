package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
)

// Load publishes without a pause and remembers which message the stream has stored under which sequence. A message
// without an acknowledgement is published again with the same Nats-Msg-Id, so that the stream stores it only once. In
// the end every sequence is known, whatever happened to servers and connections.
type Load struct {
	tb      testing.TB
	nc      *nats.Conn
	inbox   string
	subject func(i int) string
	pace    time.Duration // between two bursts
	burst   int
	cancel  context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	next    int
	waiting map[int]time.Time // messages without an acknowledgement, and when they were published last
	stored  map[uint64]oracle.Message
}

const (
	loadTick  = 10 * time.Millisecond
	loadRetry = 2 * time.Second
	loadAhead = 2000 // most messages without an acknowledgement
	// loadSettle is how long acknowledgements may take at the end. A leader that was replaced with a message in flight can
	// call its Nats-Msg-Id "in process" (error 10158) until the stream's window for duplicates is over, two minutes by
	// default. Only then is it stored.
	loadSettle = 2*time.Minute + Patience
)

// StartLoad publishes rate messages a second until Stop. It numbers them from 0 and calls subject for the subject of
// each. The connection must be for the load only.
func StartLoad(tb testing.TB, nc *nats.Conn, rate int, subject func(i int) string) *Load {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &Load{
		tb: tb, nc: nc, inbox: nc.NewInbox(), subject: subject, cancel: cancel, done: make(chan struct{}),
		pace: max(loadTick, time.Second/time.Duration(rate)), burst: max(1, rate*int(loadTick)/int(time.Second)),
		waiting: map[int]time.Time{}, stored: map[uint64]oracle.Message{},
	}
	sub, err := nc.Subscribe(l.inbox+".*", l.ack)
	if err != nil {
		tb.Fatalf("subscribe to the publish acks: %v", err)
	}
	go func() {
		defer close(l.done)
		l.publish(ctx)
		_ = sub.Unsubscribe() // the connection may be closed
	}()
	tb.Cleanup(func() {
		cancel()
		<-l.done
	})
	return l
}

// payload returns the payload of a message by its number, long enough to fill files.
func payload(i int) []byte { return fmt.Appendf(nil, "message %d %x", i, i*2654435761) }

// publish is the goroutine that publishes.
func (l *Load) publish(ctx context.Context) {
	tick := time.NewTicker(l.pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, i := range l.due(now) {
				m := &nats.Msg{
					Subject: l.subject(i), Reply: l.inbox + "." + strconv.Itoa(i), Data: payload(i), Header: nats.Header{},
				}
				m.Header.Set(nats.MsgIdHdr, strconv.Itoa(i))
				_ = l.nc.PublishMsg(m) // without an acknowledgement it is published again
			}
		}
	}
}

// due returns the numbers of the messages to publish now.
func (l *Load) due(now time.Time) (is []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, at := range l.waiting {
		if now.Sub(at) > loadRetry {
			is = append(is, i)
			l.waiting[i] = now
		}
	}
	slices.Sort(is)
	for n := 0; n < l.burst && len(l.waiting) < loadAhead; n++ {
		is = append(is, l.next)
		l.waiting[l.next] = now
		l.next++
	}
	return is
}

// ack takes one publish acknowledgement. After an error the message is published again later.
func (l *Load) ack(m *nats.Msg) {
	var ack struct {
		Seq   uint64 `json:"seq"`
		Error any    `json:"error"`
	}
	i, err := strconv.Atoi(m.Subject[strings.LastIndex(m.Subject, ".")+1:])
	if err != nil || json.Unmarshal(m.Data, &ack) != nil || ack.Error != nil || ack.Seq == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, i)
	l.stored[ack.Seq] = oracle.Message{Seq: ack.Seq, Subject: l.subject(i), Data: payload(i)}
}

// Stored returns how many messages the stream has stored so far.
func (l *Load) Stored() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.stored)
}

// Stop makes no more messages, waits until all are stored, and returns them in the order of the stream.
func (l *Load) Stop() []oracle.Message {
	l.tb.Helper()
	l.mu.Lock()
	l.burst = 0
	l.mu.Unlock()
	natstest.Eventually(l.tb, loadSettle, "acknowledgement of everything published", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.waiting) == 0
	})
	l.cancel()
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]oracle.Message, 0, len(l.stored))
	for _, seq := range slices.Sorted(maps.Keys(l.stored)) {
		all = append(all, l.stored[seq])
	}
	return all
}
