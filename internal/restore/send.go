package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

const (
	chunkSize   = 128 << 10
	inFlight    = 8 // chunks that the server has not answered
	answerAfter = 30 * time.Second
	finishAfter = time.Hour // the server answers the last chunk when the stream is there
)

// sender sends an archive in chunks to the subject that the server has named. The server answers each one when it has
// taken it in; a few are under way. One goroutine uses it at a time.
type sender struct {
	ctx     context.Context // of the whole restore; io.Writer has no place for it
	nc      *nats.Conn
	subject string
	inbox   string
	answers *nats.Subscription
	chunk   []byte
	open    int // chunks without an answer
	sent    int64
}

// newSender subscribes to the answers. close must follow.
func newSender(ctx context.Context, nc *nats.Conn, subject string) (*sender, error) {
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("subscribe to the answers of a restore: %w", err)
	}
	size := chunkSize
	if limit := nc.MaxPayload(); limit > 0 {
		size = int(min(int64(size), limit))
	}
	return &sender{ctx: ctx, nc: nc, subject: subject, inbox: inbox, answers: answers, chunk: make([]byte, 0, size)}, nil
}

func (s *sender) close() { _ = s.answers.Unsubscribe() } // the connection may be gone, and the subscription with it

// Write implements io.Writer.
func (s *sender) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(cap(s.chunk)-len(s.chunk), len(rest))
		s.chunk = append(s.chunk, rest[:n]...)
		rest = rest[n:]
		if len(s.chunk) == cap(s.chunk) {
			if err := s.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// flush sends what there is of a chunk. It waits when too many have no answer.
func (s *sender) flush() error {
	if len(s.chunk) == 0 {
		return nil
	}
	for s.open >= inFlight {
		if err := s.answer(answerAfter); err != nil {
			return err
		}
	}
	if err := s.nc.PublishRequest(s.subject, s.inbox, s.chunk); err != nil {
		return fmt.Errorf("send a part of the stream: %w", err)
	}
	s.open++
	s.sent += int64(len(s.chunk))
	s.chunk = s.chunk[:0]
	return nil
}

// padding is a chunk of the framing format of snappy that readers skip (0xfe, section 4.6), without content.
const padding = "\xfe\x00\x00\x00"

// stayAwake tells the server that more will come: it gives a restore up after 5 seconds without a chunk. What was
// written so far must be whole blocks.
func (s *sender) stayAwake() error {
	if _, err := s.Write([]byte(padding)); err != nil {
		return err
	}
	return s.flush()
}

// answer waits for the answer to one chunk. The answer to a good one is empty.
func (s *sender) answer(patience time.Duration) error {
	data, err := s.next(patience)
	if err != nil {
		return err
	}
	s.open--
	return problem(s.subject, data)
}

func (s *sender) next(patience time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	m, err := s.answers.NextMsgWithContext(ctx)
	switch {
	case s.ctx.Err() != nil:
		return nil, context.Cause(s.ctx)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("no answer from the server for %v", patience)
	case errors.Is(err, nats.ErrNoResponders), err == nil && m.Header.Get("Status") == "503":
		return nil, errors.New("the server takes no more of it: it has given the restore up, or has stopped")
	case err != nil:
		return nil, fmt.Errorf("wait for the server: %w", err)
	}
	return m.Data, nil
}

// problem returns the error of an answer to a request.
func problem(subject string, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var answer struct {
		Error *reader.APIError `json:"error"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return fmt.Errorf("the server answers %.100q", data)
	}
	if answer.Error != nil {
		answer.Error.Subject = subject
		return answer.Error
	}
	return nil
}

// finish says that all was sent, and waits until the stream is there. It returns the answer.
func (s *sender) finish() ([]byte, error) {
	if err := s.flush(); err != nil {
		return nil, err
	}
	for s.open > 0 {
		if err := s.answer(answerAfter); err != nil {
			return nil, err
		}
	}
	if err := s.nc.PublishRequest(s.subject, s.inbox, nil); err != nil {
		return nil, fmt.Errorf("finish the restore: %w", err)
	}
	data, err := s.next(finishAfter)
	if err != nil {
		return nil, err
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil, errors.New("the server ends the restore without a word")
	}
	return data, problem(s.subject, data)
}
