package reader

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// sequencePair is a position in the two counters of a consumer.
type sequencePair struct {
	Consumer uint64 `json:"consumer_seq"`
	Stream   uint64 `json:"stream_seq"`
}

// consumerInfo is the part in use of the responses to CONSUMER.INFO, CREATE and RESET.
type consumerInfo struct {
	apiStatus
	Created    time.Time                `json:"created"`
	Config     jetstream.ConsumerConfig `json:"config"`
	Delivered  sequencePair             `json:"delivered"`
	AckFloor   sequencePair             `json:"ack_floor"`
	AckPending int                      `json:"num_ack_pending"`
	Waiting    int                      `json:"num_waiting"`
	NumPending uint64                   `json:"num_pending"`
	Paused     bool                     `json:"paused"`
	ServerTime time.Time                `json:"ts"`
	ResetSeq   uint64                   `json:"reset_seq"`
	Cluster    *struct {
		Replicas []replica `json:"replicas"`
	} `json:"cluster"`

	PauseRemaining time.Duration `json:"pause_remaining"`
}

// replica is a follower of a consumer in a cluster, as its leader sees it.
type replica struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	Offline bool   `json:"offline"`
}

// createConsumer creates a consumer. It fails if one with the same name and another configuration exists. The filter is
// in the request only, not in its subject, so that the permission to create needs to name the consumer alone.
func (s *Source) createConsumer(ctx context.Context, cfg jetstream.ConsumerConfig) (*consumerInfo, error) {
	req := struct {
		Stream string                   `json:"stream_name"`
		Config jetstream.ConsumerConfig `json:"config"`
		Action string                   `json:"action"`
	}{s.stream, cfg, "create"}
	var resp consumerInfo
	if err := s.request(ctx, "CONSUMER.CREATE."+s.stream+"."+cfg.Name, req, &resp); err != nil {
		return nil, fmt.Errorf("create consumer %q on stream %q: %w", cfg.Name, s.stream, err)
	}
	return &resp, nil
}

// consumer looks up a consumer.
func (s *Source) consumer(ctx context.Context, name string) (*consumerInfo, error) {
	var resp consumerInfo
	if err := s.request(ctx, "CONSUMER.INFO."+s.stream+"."+name, nil, &resp); err != nil {
		return nil, fmt.Errorf("look up consumer %q on stream %q: %w", name, s.stream, err)
	}
	return &resp, nil
}

// deleteConsumer deletes a consumer. It is not an error if the consumer does not exist.
func (s *Source) deleteConsumer(ctx context.Context, name string) error {
	var resp struct{ apiStatus }
	err := s.request(ctx, "CONSUMER.DELETE."+s.stream+"."+name, nil, &resp)
	if err == nil || hasCode(err, codeConsumerNotFound) || errors.Is(err, ErrStreamNotFound) {
		return nil
	}
	return fmt.Errorf("delete consumer %q on stream %q: %w", name, s.stream, err)
}

// pullSubject returns the subject that pulls of the consumer are published to.
func (s *Source) pullSubject(name string) string {
	return s.prefix + ".CONSUMER.MSG.NEXT." + s.stream + "." + name
}

// setFilter puts the subjects into a configuration. A single one goes into the field that old servers know, too.
func setFilter(cfg *jetstream.ConsumerConfig, filter []string) {
	if len(filter) == 1 {
		cfg.FilterSubject = filter[0]
		return
	}
	cfg.FilterSubjects = filter
}

// resetConsumer makes the server deliver again from the stream sequence seq on, or with 0 from after the consumer's ack
// floor. Deliveries count as first ones, with consumer sequences from 1 on. Outstanding pulls stay. It needs
// nats-server 2.14.
func (s *Source) resetConsumer(ctx context.Context, name string, seq uint64) (*consumerInfo, error) {
	var req any
	if seq > 0 {
		req = map[string]uint64{"seq": seq}
	}
	var resp consumerInfo
	err := s.request(ctx, "CONSUMER.RESET."+s.stream+"."+name, req, &resp)
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, ErrNoAnswer) { // older servers do not know the request
		if old := s.checkReset(s.Server()); old != nil {
			err = fmt.Errorf("%w: %w", old, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reset consumer %q on stream %q: %w", name, s.stream, err)
	}
	return &resp, nil
}

// checkReset returns an error if a server of that version cannot reset a consumer. Without a version, that of the
// connected server counts.
func (s *Source) checkReset(version string) error {
	version = cmp.Or(version, s.Server())
	if !older(version, 2, 14) {
		return nil
	}
	return permanent{fmt.Errorf("stream %q is on nats-server %s, and reading through a durable consumer needs 2.14 or "+
		"newer: update the server; a stream with limits retention can be captured without a consumer name",
		s.stream, version)}
}

// older reports whether a version of nats-server is older than another one. It is false if it is not known.
func older(version string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(version, "%d.%d", &a, &b); n != 2 {
		return false
	}
	return a < major || a == major && b < minor
}
