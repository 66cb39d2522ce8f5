package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/events"
	"github.com/jetcapture/jetcapture/internal/logstore"
	"github.com/jetcapture/jetcapture/internal/monitor"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/nats-io/nats.go"
)

// eventsPatience is how long the end of a run waits for the sinks of events. What they do not have then, the next start
// brings them.
const eventsPatience = 5 * time.Second

// countPatience is how long the end of a run then counts what the sinks do not have.
const countPatience = 2 * time.Second

// teller tells the events of one capture to the sinks that the settings name, beside the capture.
type teller struct {
	capture   string
	archive   bucket.Bucket
	log       *slog.Logger
	sinks     []events.Sink
	names     []string // of the sinks, for people
	followers []*events.Follower
	wake      []chan struct{} // one for each sink, with room for one
	close     []func() error
	drain     chan struct{} // closed when no more cuts come
	cancel    func()        // ends the followers at once
	running   sync.WaitGroup
}

// tell starts to tell events. The caller stops the teller when the capture has ended, also after an error of tell. The
// errors are those of settings: a sink that does not answer is tried again.
func (r *runner) tell(
	ctx context.Context, s *settings, archive bucket.Bucket, seen *monitor.Entry,
) (*teller, error) {
	name := cutlog.EscapeSegment(s.capture.name())
	t := &teller{
		capture: name, archive: archive, log: r.log.With("capture", s.capture.name()), drain: make(chan struct{}),
		cancel: func() {},
	}
	t.toWebhook(s)
	if err := errors.Join(t.toStream(s), t.toFile(ctx, s, r.eventFiles)); err != nil {
		return t, err
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	t.cancel = cancel
	for i, sink := range t.sinks {
		follower := &events.Follower{
			Log: cutlog.New(logstore.Store{Bucket: archive}, name), Capture: name, Archive: archive.String(), Sink: sink,
			Logger: t.log, Wake: t.wake[i], Told: func(e *events.Event, err error) { seen.Published(e.Type, err) },
		}
		t.followers = append(t.followers, follower)
		t.running.Go(func() { follower.Run(work, t.drain) })
	}
	return t, nil
}

func (t *teller) add(name string, sink events.Sink, done func() error) {
	t.sinks, t.names, t.close = append(t.sinks, sink), append(t.names, name), append(t.close, done)
	t.wake = append(t.wake, make(chan struct{}, 1))
}

// toStream adds the stream of NATS. Its connection is for events alone.
func (t *teller) toStream(s *settings) error {
	if s.service.stream == "" {
		return nil
	}
	quiet := slog.New(slog.DiscardHandler) // the follower says what is wrong
	nc, prefix, err := natsconn.Connect(s.nats.named("jetcapture events"), quiet, nats.RetryOnFailedConnect(true))
	if err != nil {
		return err
	}
	sink, err := events.NewNATS(nc, prefix, s.service.stream, t.capture)
	if err != nil {
		nc.Close()
		return err
	}
	t.add("stream", sink, func() error {
		nc.Close()
		return nil
	})
	return nil
}

// newEventFiles returns the files of events of a process, by absolute path. Captures with the same file share it.
func newEventFiles() *sharing[string, *events.File] {
	return &sharing[string, *events.File]{
		open:  func(_ context.Context, path string) (*events.File, error) { return events.OpenFile(path) },
		close: (*events.File).Close,
	}
}

// toFile adds the file of events.
func (t *teller) toFile(ctx context.Context, s *settings, files *sharing[string, *events.File]) error {
	if s.service.file == "" {
		return nil
	}
	path, err := filepath.Abs(s.service.file)
	if err != nil {
		return fmt.Errorf("--events-file: %w", err)
	}
	file, leave, err := files.take(context.WithoutCancel(ctx), path)
	if err != nil {
		return fmt.Errorf("--events-file: %w", err)
	}
	t.add("file", file.Of(t.capture), leave)
	return nil
}

func (t *teller) toWebhook(s *settings) {
	if s.service.webhook == "" {
		return
	}
	client := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	t.add("webhook", &events.Webhook{
		URL: s.service.webhook, Secret: []byte(s.service.secret), Position: s.service.position, Client: client,
	}, func() error {
		client.CloseIdleConnections()
		return nil
	})
}

// done is a hook: it wakes the followers.
func (t *teller) done(jetcapture.CutDone) {
	for _, wake := range t.wake {
		select {
		case wake <- struct{}{}:
		default: // it wakes already
		}
	}
}

// stop ends the telling when the sinks have everything, or after eventsPatience. untold says how many events they do
// not have, as summary.Untold.
func (t *teller) stop() (untold map[string]int64, err error) {
	close(t.drain)
	late := time.AfterFunc(eventsPatience, t.cancel)
	t.running.Wait()
	late.Stop()
	t.cancel()
	untold = t.untold()
	for _, done := range t.close {
		err = errors.Join(err, done())
	}
	return untold, err
}

// untold counts what the sinks do not have.
func (t *teller) untold() map[string]int64 {
	ctx, cancel := context.WithTimeout(context.Background(), countPatience)
	defer cancel()
	all := map[string]int64{}
	for i, f := range t.followers {
		n, complete := f.Untold(ctx)
		if n == 0 && !complete {
			n = -1
		}
		if n != 0 {
			all[t.names[i]] = n
		}
	}
	return all
}
