package reader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/wire"
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
	room    Room          // for the pulls of its readers; nil: as much as they want; not changed once in use

	unanswered atomic.Int64 // Unanswered, in nanoseconds since 1970; 0 is the zero time
}

// NewSource names a stream. apiPrefix is the JetStream API prefix ("$JS.<domain>.API", or that of an import); empty
// means "$JS.API". It sends no request yet.
func NewSource(nc *nats.Conn, apiPrefix, stream string) *Source {
	if apiPrefix == "" {
		apiPrefix = defaultAPIPrefix
	}
	return &Source{nc: nc, prefix: apiPrefix, stream: stream, timeout: defaultRequestTimeout}
}

// Domain returns the JetStream domain in an API prefix, or "" if there is none.
func Domain(apiPrefix string) string {
	d, ok := strings.CutPrefix(apiPrefix, "$JS.")
	if d, isDomain := strings.CutSuffix(d, ".API"); ok && isDomain {
		return d
	}
	return ""
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
	Created time.Time    `json:"created"`
	Now     time.Time    `json:"ts"`
	Config  streamConfig `json:"config"`
	State   struct {
		Messages   uint64    `json:"messages"`
		Bytes      uint64    `json:"bytes"`
		FirstSeq   uint64    `json:"first_seq"`
		FirstTime  time.Time `json:"first_ts"`
		LastSeq    uint64    `json:"last_seq"`
		LastTime   time.Time `json:"last_ts"`
		NumDeleted int       `json:"num_deleted"`
		Deleted    []uint64  `json:"deleted"`
	} `json:"state"`
	Cluster *struct {
		Leader string `json:"leader"`
	} `json:"cluster"`
}

// streamConfig is the part in use of a stream's configuration, and all of it as text.
type streamConfig struct {
	known struct {
		Name      string               `json:"name"`
		Retention nats.RetentionPolicy `json:"retention"`
		MaxAge    time.Duration        `json:"max_age"`
		FirstSeq  uint64               `json:"first_seq"`
		Metadata  map[string]string    `json:"metadata"`
		MaxMsgs   int64                `json:"max_msgs"`
		MaxBytes  int64                `json:"max_bytes"`
		Discard   nats.DiscardPolicy   `json:"discard"`
		Mirror    *struct{}            `json:"mirror"`

		MaxMsgsPerSubject    int64             `json:"max_msgs_per_subject"`
		DiscardNewPerSubject bool              `json:"discard_new_per_subject"`
		AllowMsgTTL          bool              `json:"allow_msg_ttl"`
		Subjects             []string          `json:"subjects"`
		Sources              []json.RawMessage `json:"sources"`
		Transform            json.RawMessage   `json:"subject_transform"`

		ConsumerLimits ConsumerLimits `json:"consumer_limits"`
	}
	text string
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *streamConfig) UnmarshalJSON(text []byte) error {
	c.text = string(text)
	return json.Unmarshal(text, &c.known)
}

// subjects are StreamInfo.Subjects.
func (c *streamConfig) subjects() []string {
	if len(c.known.Sources) > 0 || len(c.known.Transform) > 0 {
		return nil
	}
	return c.known.Subjects
}

// Info looks up the stream. Errors: ErrStreamNotFound, ErrNoJetStream, ErrNoAnswer, *APIError, or the context's.
func (s *Source) Info(ctx context.Context) (StreamInfo, error) {
	asked := time.Now()
	info, err := s.info(ctx, false)
	if err != nil {
		return StreamInfo{}, err
	}
	public := info.public()
	public.ClockOffset = clockOffset(asked, time.Now(), info.Now)
	return public, nil
}

// info looks up the stream. With deleted, the answer lists the sequences that are missing between its first and its
// last one.
func (s *Source) info(ctx context.Context, deleted bool) (*streamInfo, error) {
	var req any
	if deleted {
		req = map[string]bool{"deleted_details": true}
	}
	var resp streamInfo
	asked := time.Now()
	err := s.request(ctx, "STREAM.INFO."+s.stream, req, &resp)
	s.heard(ctx, asked, resp.hasLeader(), err)
	if err != nil {
		return nil, fmt.Errorf("look up stream %q: %w", s.stream, err)
	}
	return &resp, nil
}

// public returns the part that other packages see.
func (i *streamInfo) public() StreamInfo {
	return StreamInfo{
		Name:      i.Config.known.Name,
		Created:   i.Created,
		FirstSeq:  i.State.FirstSeq,
		LastSeq:   i.State.LastSeq,
		Messages:  i.State.Messages,
		Bytes:     i.State.Bytes,
		FirstTime: i.State.FirstTime,
		LastTime:  i.State.LastTime,
		Retention: i.Config.known.Retention,
		Mirror:    i.Config.known.Mirror != nil,
		Drops:     i.drops(),
		HasLeader: i.hasLeader(),
		MaxAge:    i.Config.known.MaxAge,
		Deleted:   uint64(max(i.State.NumDeleted, 0)),

		MaxMessages:   max(i.Config.known.MaxMsgs, 0),
		MaxBytes:      max(i.Config.known.MaxBytes, 0),
		MaxPerSubject: max(i.Config.known.MaxMsgsPerSubject, 0),
		RefusesNew:    i.Config.known.Discard == nats.DiscardNew,

		ConsumerLimits: i.Config.known.ConsumerLimits,

		ConfiguredFirst: max(i.Config.known.FirstSeq, 1),

		Config:   i.Config.text,
		Subjects: i.Config.subjects(),
		Now:      i.Now,
		Server:   i.Config.known.Metadata["_nats.ver"],
	}
}

// hasLeader is StreamInfo.HasLeader.
func (i *streamInfo) hasLeader() bool { return i.Cluster == nil || i.Cluster.Leader != "" }

// drops reads from the configuration which limits take messages away. With discard "new" the server refuses messages
// instead.
func (i *streamInfo) drops() Drops {
	c := &i.Config.known
	old := c.Discard == nats.DiscardOld
	subject := c.MaxMsgsPerSubject > 0 && (old || !c.DiscardNewPerSubject)
	return Drops{
		Oldest:  c.MaxAge > 0 || old && (c.MaxMsgs > 0 || c.MaxBytes > 0),
		Any:     subject || c.AllowMsgTTL,
		Subject: subject,
	}
}

// clockOffset returns how far the local clock is ahead of the server's, as well as one answer can tell it: half of its
// time under way is taken for the way back. An answer without a time says nothing.
func clockOffset(asked, answered, server time.Time) time.Duration {
	if server.IsZero() {
		return 0
	}
	return asked.Add(answered.Sub(asked) / 2).Sub(server).Round(time.Millisecond)
}

// Get reads one stored message through STREAM.MSG.GET, which the stream's leader answers, so that it does not need
// allow_direct. Errors: ErrMessageNotFound and those of Info.
func (s *Source) Get(ctx context.Context, seq uint64) (StoredMessage, error) {
	m, err := s.get(ctx, getRequest{Seq: seq})
	if err != nil {
		return m, fmt.Errorf("get message %d of stream %q: %w", seq, s.stream, err)
	}
	return m, nil
}

// NextFor reads the first stored message from the stream sequence seq on whose subject matches filter, as Get does.
func (s *Source) NextFor(ctx context.Context, seq uint64, filter string) (StoredMessage, error) {
	m, err := s.get(ctx, getRequest{Seq: seq, NextFor: filter})
	if err != nil {
		return m, fmt.Errorf("get the next message for %q from %d of stream %q on: %w", filter, seq, s.stream, err)
	}
	return m, nil
}

// getRequest is that of STREAM.MSG.GET (nats-server, jetstream_api.go, JSApiMsgGetRequest).
type getRequest struct {
	Seq     uint64 `json:"seq"`
	NextFor string `json:"next_by_subj,omitempty"`
}

func (s *Source) get(ctx context.Context, req getRequest) (StoredMessage, error) {
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
	asked := time.Now()
	err := s.request(ctx, "STREAM.MSG.GET."+s.stream, req, &resp)
	s.heard(ctx, asked, true, err)
	return StoredMessage(resp.Message), err
}

// Deleted returns the sequences between the first and the last message of the stream that it does not have. Their list
// comes in one answer, so ask only when StreamInfo.Deleted says that there are few.
func (s *Source) Deleted(ctx context.Context) (cutlog.SeqSet, StreamInfo, error) {
	info, err := s.info(ctx, true)
	if err != nil {
		return cutlog.SeqSet{}, StreamInfo{}, err
	}
	return cutlog.NewSeqSet(info.State.Deleted...), info.public(), nil
}

// Server is the version of the server that the connection is at.
func (s *Source) Server() string { return s.nc.ConnectedServerVersion() }

// Outside returns those of the filters that no message can match which the stream takes, as far as that is known.
func (i StreamInfo) Outside(filters []string) (outside []string) {
	if len(i.Subjects) == 0 {
		return nil
	}
	for _, f := range filters {
		if !slices.ContainsFunc(i.Subjects, func(s string) bool { return wire.Overlap(f, s) }) {
			outside = append(outside, f)
		}
	}
	return outside
}
