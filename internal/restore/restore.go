package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// Options say what is restored, and how.
type Options struct {
	Config StreamConfig // complete, with the name
	Prefix string       // of the JetStream API, such as "$JS.API"; empty: that
	// Last is the sequence behind which the restored stream goes on. Zero: behind the last message.
	Last uint64
	// Progress is called now and then, by the goroutine of Run. Zero: never.
	Progress func(Result)
}

// Result is what was restored.
type Result struct {
	Messages    uint64
	Bytes       uint64    // of subjects, headers and payloads
	First, Last uint64    // sequences of the first and the last message
	Sent        int64     // bytes, compressed
	Created     time.Time // when the server made the stream

	// What the server says of the stream. It has fewer messages if their own time to live was over, and a mirror may have
	// more already.
	Stored, StoredFirst, StoredLast uint64
}

// ErrNothing is the error of a restore without a single message.
var ErrNothing = errors.New("there is no message to restore")

// Run restores the messages among the items as a new stream. The stream must not exist. If anything fails once the
// server has begun, what it has made so far is deleted again, or the error says that it could not be.
func Run(ctx context.Context, nc *nats.Conn, items iter.Seq2[*archive.Item, error], o Options) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, stop := iter.Pull2(archive.OnlyMessages(items))
	defer stop()
	first, err, ok := next() // before the server is asked: it does not wait long for the first message
	switch {
	case err != nil:
		return Result{}, err
	case !ok:
		return Result{}, ErrNothing
	}
	r := &run{Options: o, nc: nc}
	if err := r.request(ctx, first); err != nil {
		return Result{}, err
	}
	defer r.to.close()
	err = r.feed(ctx, first, next)
	if err != nil && !isTaken(err) {
		err = errors.Join(err, r.remove(ctx))
	}
	return r.result, err
}

// isTaken reports whether somebody else had made a stream of that name when the server began, or, if two restores began
// at once, when it had got all. It is not ours to delete.
func isTaken(err error) bool {
	const restoreExists, restoreFailed = 10130, 10062 // errors.json of nats-server
	var refused *reader.APIError
	return errors.As(err, &refused) && (refused.ErrCode == restoreExists ||
		refused.ErrCode == restoreFailed && strings.Contains(refused.Description, "(10130)"))
}

// run is one restore.
type run struct {
	Options
	nc     *nats.Conn
	to     *sender
	result Result

	mu     sync.Mutex // guards what follows: the goroutine of Run and that of keepAwake write
	out    *writer
	wrote  time.Time // when something was written last
	failed error     // of keepAwake
}

// api calls the JetStream API.
func (r *run) api(ctx context.Context, call string, request, answer any) error {
	data, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("%s: %w", call, err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerAfter)
	defer cancel()
	prefix := r.Prefix
	if prefix == "" {
		prefix = "$JS.API"
	}
	m, err := r.nc.RequestWithContext(ctx, prefix+"."+call, data)
	if err != nil {
		return fmt.Errorf("%s: %w", call, err)
	}
	if err := problem(prefix+"."+call, m.Data); err != nil {
		return err
	}
	return json.Unmarshal(m.Data, answer)
}

// request asks the server to take the stream, which begins with a message.
func (r *run) request(ctx context.Context, first *archive.Item) error {
	name := r.Config.Name()
	s := state{FirstSeq: first.Seq, LastSeq: max(r.Last, first.Seq), Msgs: 1, FirstTime: first.Time, LastTime: first.Time}
	var answer struct {
		Subject string `json:"deliver_subject"`
	}
	request := map[string]any{"config": r.Config, "state": s}
	if err := r.api(ctx, "STREAM.RESTORE."+name, request, &answer); err != nil {
		return fmt.Errorf("restore as stream %s: %w", name, err)
	}
	if answer.Subject == "" {
		return fmt.Errorf("restore as stream %s: the server does not say where to send the messages", name)
	}
	to, err := newSender(ctx, r.nc, answer.Subject)
	if err != nil {
		return err
	}
	r.to, r.out, r.wrote = to, newWriter(to), time.Now()
	if err := r.out.begin(s); err != nil {
		to.close()
		return err
	}
	r.result.First = first.Seq
	return nil
}

// feed sends all messages, and waits until the stream is there.
func (r *run) feed(
	ctx context.Context, first *archive.Item, next func() (*archive.Item, error, bool),
) error {
	quiet, cancel := context.WithCancel(ctx)
	var awake sync.WaitGroup
	awake.Go(func() { r.keepAwake(quiet) })
	err := r.messages(first, next)
	cancel()
	awake.Wait()
	if err != nil {
		return err
	}
	return r.finish()
}

// messages sends all messages.
func (r *run) messages(item *archive.Item, next func() (*archive.Item, error, bool)) error {
	for ok := true; ok; {
		if err := r.message(&item.Message); err != nil {
			return err
		}
		if r.Progress != nil && r.result.Messages%1024 == 0 {
			r.Progress(r.result)
		}
		var err error
		if item, err, ok = next(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) message(m *archive.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return r.failed
	}
	if m.Seq <= r.result.Last {
		return fmt.Errorf("stream sequence %d comes after %d: choose one incarnation of the stream", m.Seq, r.result.Last)
	}
	if err := r.out.message(m); err != nil {
		return fmt.Errorf("restore stream sequence %d: %w", m.Seq, err)
	}
	r.wrote = time.Now()
	r.result.Messages++
	r.result.Bytes += uint64(len(m.Subject) + len(m.Data))
	r.result.Last, r.result.Sent = m.Seq, r.to.sent
	return nil
}

// awakeEvery is how often the server hears of a restore whose messages are slow to come. It waits 5 seconds.
const awakeEvery = time.Second

// keepAwake sends something that means nothing while no message comes, until ctx ends.
func (r *run) keepAwake(ctx context.Context) {
	tick := time.NewTicker(awakeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.touch()
		}
	}
}

func (r *run) touch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.wrote) < awakeEvery || r.failed != nil {
		return
	}
	if r.failed = r.out.flush(); r.failed == nil {
		r.failed = r.to.stayAwake()
	}
}

// finish ends the archive and reads what the server has made of it.
func (r *run) finish() error {
	if err := r.out.end(); err != nil {
		return err
	}
	data, err := r.to.finish()
	if err != nil {
		return fmt.Errorf("restore as stream %s: %w", r.Config.Name(), err)
	}
	var answer struct {
		Created time.Time `json:"created"`
		State   state     `json:"state"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return fmt.Errorf("restore as stream %s: the server answers %.100q: %w", r.Config.Name(), data, err)
	}
	r.result.Sent, r.result.Created = r.to.sent, answer.Created
	s := answer.State
	r.result.Stored, r.result.StoredFirst, r.result.StoredLast = s.Msgs, s.FirstSeq, s.LastSeq
	return nil
}

// remove deletes what a failed restore has left.
func (r *run) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerAfter)
	defer cancel()
	name := r.Config.Name()
	var answer struct {
		Success bool `json:"success"`
	}
	err := r.api(ctx, "STREAM.DELETE."+name, struct{}{}, &answer)
	var refused *reader.APIError
	if errors.As(err, &refused) && refused.ErrCode == 10059 { // stream not found
		return nil
	}
	if err != nil {
		return fmt.Errorf("a part of the stream %s may be on the server, delete it (nats stream rm %[1]s): %w", name, err)
	}
	return nil
}
