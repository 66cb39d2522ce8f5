package reader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/nats-io/nats.go"
)

// ErrMessageNotFound says that the stream does not hold the sequence (any more).
var ErrMessageNotFound = errors.New("message not found")

// defaultAPIPrefix is where the JetStream API of the connection's own account listens.
const defaultAPIPrefix = "$JS.API"

// Source is a stream seen through a connection. Its methods may be called from any goroutine. They do not change the
// connection.
type Source struct {
	nc      *nats.Conn
	prefix  string // of the API's subjects, without the last dot
	stream  string
	timeout time.Duration // for one request; not changed once the source is in use
}

// NewSource names a stream. apiPrefix is the JetStream API prefix ("$JS.<domain>.API", or that of an import); empty
// means "$JS.API". It sends no request yet.
func NewSource(nc *nats.Conn, apiPrefix, stream string) *Source {
	if apiPrefix == "" {
		apiPrefix = defaultAPIPrefix
	}
	return &Source{nc: nc, prefix: apiPrefix, stream: stream, timeout: defaultRequestTimeout}
}

// Stream is the name of the stream.
func (s *Source) Stream() string { return s.stream }

// StoredMessage is a message as the stream holds it.
type StoredMessage struct {
	Subject string
	Seq     uint64
	Header  []byte // the raw header block, "NATS/1.0\r\n..."; nil: no header
	Data    []byte
	Time    time.Time // the stream's timestamp, with all its nanoseconds, UTC
}

// Anchor returns the message as an anchor.
func (m StoredMessage) Anchor() Anchor {
	return Anchor{Seq: m.Seq, Time: m.Time, Subject: m.Subject, Hash: cutlog.HashMessage(m.Subject, m.Header, m.Data)}
}

// ParseHeader parses the header block as the client does for a delivered message. raw is the block itself if it cannot
// be parsed, and nil otherwise; both are nil for a message without a header.
func (m StoredMessage) ParseHeader() (header nats.Header, raw []byte) {
	if len(m.Header) == 0 {
		return nil, nil
	}
	header, err := nats.DecodeHeadersMsg(m.Header)
	if err != nil {
		return nil, m.Header
	}
	return header, nil
}

// streamInfo is the part in use of the response to STREAM.INFO.
type streamInfo struct {
	apiStatus
	Created time.Time `json:"created"`
	Config  struct {
		Name      string               `json:"name"`
		Retention nats.RetentionPolicy `json:"retention"`
		MaxAge    time.Duration        `json:"max_age"`
		FirstSeq  uint64               `json:"first_seq"`
	} `json:"config"`
	State struct {
		Messages   uint64   `json:"messages"`
		FirstSeq   uint64   `json:"first_seq"`
		LastSeq    uint64   `json:"last_seq"`
		NumDeleted int      `json:"num_deleted"`
		Deleted    []uint64 `json:"deleted"`
	} `json:"state"`
	Cluster *struct {
		Leader string `json:"leader"`
	} `json:"cluster"`
}

// Info looks up the stream. Errors: ErrStreamNotFound, ErrNoJetStream, ErrNoAnswer, *APIError, or the context's.
func (s *Source) Info(ctx context.Context) (StreamInfo, error) {
	info, err := s.info(ctx, false)
	if err != nil {
		return StreamInfo{}, err
	}
	return info.public(), nil
}

// info looks up the stream. With deleted, the answer lists the sequences that are missing between its first and its
// last one.
func (s *Source) info(ctx context.Context, deleted bool) (*streamInfo, error) {
	var req any
	if deleted {
		req = map[string]bool{"deleted_details": true}
	}
	var resp streamInfo
	if err := s.request(ctx, "STREAM.INFO."+s.stream, req, &resp); err != nil {
		return nil, fmt.Errorf("look up stream %q: %w", s.stream, err)
	}
	return &resp, nil
}

// public returns the part that other packages see.
func (i *streamInfo) public() StreamInfo {
	return StreamInfo{
		Name:      i.Config.Name,
		Created:   i.Created,
		FirstSeq:  i.State.FirstSeq,
		LastSeq:   i.State.LastSeq,
		Messages:  i.State.Messages,
		Retention: i.Config.Retention,
		HasLeader: i.Cluster == nil || i.Cluster.Leader != "",
		MaxAge:    i.Config.MaxAge,

		ConfiguredFirst: max(i.Config.FirstSeq, 1),
	}
}

// Get reads one stored message through STREAM.MSG.GET, which the stream's leader answers, so that it does not need
// allow_direct. Errors: ErrMessageNotFound and those of Info.
func (s *Source) Get(ctx context.Context, seq uint64) (StoredMessage, error) {
	var resp struct {
		apiStatus
		Message struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Header  []byte    `json:"hdrs"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	req := struct {
		Seq uint64 `json:"seq"`
	}{seq}
	if err := s.request(ctx, "STREAM.MSG.GET."+s.stream, req, &resp); err != nil {
		return StoredMessage{}, fmt.Errorf("get message %d of stream %q: %w", seq, s.stream, err)
	}
	return StoredMessage(resp.Message), nil
}
