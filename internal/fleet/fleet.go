// Package fleet shares captures among workers, on any number of machines. The tasks are messages of a work-queue
// stream, one for each capture. A worker pulls as many as it has room for; AckWait is its lease, an ack in progress
// renews it, a nak hands the task over, and the redelivery of what a dead worker held is the failover. So JetStream
// decides who works on what, and there is no election here.
//
// Nothing that a capture stores rests on that. Two workers at one capture cost work, and the create-only plans decide.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Fleet is a stream of tasks on a connection. Its methods may be called from any goroutine.
type Fleet struct {
	name   string
	nc     *nats.Conn
	js     jetstream.JetStream
	prefix string // of the JetStream API

	mu     sync.Mutex
	stream jetstream.Stream // nil until it is asked for
}

// The limits of a lease.
const (
	DefaultLease = 30 * time.Second
	MinLease     = time.Second
)

// consumer is the durable consumer that all workers share.
const consumer = "workers"

// validName is what the name of a fleet may be: a part of the names of streams and of subjects.
var validName = regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`)

// New returns the fleet of a name, which may be empty, over a connection. apiPrefix is the prefix of the JetStream
// API, empty for the usual one. Nothing is asked yet.
func New(nc *nats.Conn, apiPrefix, name string) (*Fleet, error) {
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("fleet %q: a name has up to 64 letters, digits, _ and -", name)
	}
	f := &Fleet{name: name, nc: nc, prefix: apiPrefix}
	var err error
	if apiPrefix == "" {
		f.prefix = jetstream.DefaultAPIPrefix
		f.js, err = jetstream.New(nc)
	} else {
		f.js, err = jetstream.NewWithAPIPrefix(nc, apiPrefix)
	}
	if err != nil {
		return nil, fmt.Errorf("fleet %q: %w", name, err)
	}
	return f, nil
}

// streamName is the stream of the fleet without a name.
const streamName = "JETCAPTURE_FLEET"

// Stream is the name of the stream of tasks.
func (f *Fleet) Stream() string {
	if f.name == "" {
		return streamName
	}
	return streamName + "_" + f.name
}

// Command is a command about the fleet, such as ls, as it is typed.
func (f *Fleet) Command(name string) string {
	command := "jetcapture fleet " + name
	if f.name != "" {
		command += " --fleet " + f.name
	}
	return command
}

// OwnsStream reports whether a stream of that name is one of a fleet.
func OwnsStream(name string) bool {
	return name == streamName || strings.HasPrefix(name, streamName+"_")
}

// subject is one of the fleet's subjects: the tasks, the workers, or the drain.
func (f *Fleet) subject(what string) string {
	if f.name == "" {
		return "jetcapture." + what
	}
	return "jetcapture." + what + "." + f.name
}

// suitable returns why an existing stream is not the stream of a fleet.
func suitable(have, want jetstream.StreamConfig) error {
	switch {
	case have.Retention != want.Retention:
		return fmt.Errorf("it is no work queue, but keeps by %s: it is another stream, give the fleet another name",
			have.Retention)
	case !slices.Equal(have.Subjects, want.Subjects):
		return fmt.Errorf("its subjects are %q, not %q", have.Subjects, want.Subjects)
	case have.MaxMsgsPerSubject != 1 || have.DiscardNewPerSubject:
		return errors.New("it must keep the newest message of each subject alone (max-msgs-per-subject 1, no " +
			"discard-per-subject): set that with nats stream edit")
	case have.MaxAge != 0:
		return errors.New("it has a max-age, after which tasks would vanish: set it to 0 with nats stream edit")
	case have.Discard == jetstream.DiscardOld && (have.MaxMsgs > 0 || have.MaxBytes > 0):
		return errors.New("it has a max-msgs or max-bytes, and one more task would remove the oldest: set them to -1 with " +
			"nats stream edit, or --discard new if the account requires a limit")
	}
	return nil
}

// suits returns why a task may be lost in the stream as it is configured now.
func (f *Fleet) suits(have jetstream.StreamConfig) error {
	want, _, err := f.config(Config{})
	if err == nil {
		err = suitable(have, want)
	}
	if err != nil {
		return fmt.Errorf("stream %s is not that of a fleet: %w", f.Stream(), err)
	}
	return nil
}

// handle returns what the stream is asked through.
func (f *Fleet) handle(ctx context.Context) (jetstream.Stream, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stream == nil {
		stream, err := f.js.Stream(ctx, f.Stream())
		if err != nil {
			return nil, fmt.Errorf("look at stream %s of the fleet: %w", f.Stream(), err)
		}
		f.stream = stream
	}
	return f.stream, nil
}

// info asks how the stream is.
func (f *Fleet) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	stream, err := f.handle(ctx)
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at stream %s of the fleet: %w", f.Stream(), err)
	}
	return info, nil
}

// ErrNoFleet says that nobody has made the fleet.
var ErrNoFleet = errors.New("there is no fleet")

// Open checks that there is a stream of tasks, with its consumer, and returns the length of the leases. Its error is
// ErrNoFleet if one of them is missing.
func (f *Fleet) Open(ctx context.Context) (length time.Duration, err error) {
	info, err := f.info(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, fmt.Errorf("%w, stream %s is missing: make it with %s", ErrNoFleet, f.Stream(), f.Command("init"))
	}
	if err != nil {
		return 0, err
	}
	if err := f.suits(info.Config); err != nil {
		return 0, err
	}
	c, err := f.js.Consumer(ctx, f.Stream(), consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, fmt.Errorf("%w, consumer %s of stream %s is missing: make it with %s", ErrNoFleet, consumer, f.Stream(),
			f.Command("init"))
	}
	if err != nil {
		return 0, fmt.Errorf("consumer %s of stream %s: %w", consumer, f.Stream(), err)
	}
	cfg := c.CachedInfo().Config
	if cfg.AckPolicy != jetstream.AckExplicitPolicy || cfg.MaxDeliver > 0 || cfg.DeliverSubject != "" {
		return 0, fmt.Errorf("consumer %s of stream %s is not as %s makes it: delete it and call that", consumer, f.Stream(),
			f.Command("init"))
	}
	return cfg.AckWait, nil
}
