package reader

import (
	"maps"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

// The metadata by which `nats server check consumer` judges a consumer (jsm.go, monitor/consumer.go). There are keys
// for the time since the last delivery and the last ack, too. They are not set: they would be alarms on a stream that
// is quiet.
const (
	monitorEnabled     = "io.nats.monitor.enabled"
	monitorOutstanding = "io.nats.monitor.outstanding-ack-critical"
	monitorUnprocessed = "io.nats.monitor.unprocessed-critical"
)

// setMonitor sets what is critical for a durable consumer: acks for nearly all that may be outstanding, at which the
// server delivers nothing more; and a backlog of more than that.
func setMonitor(cfg *jetstream.ConsumerConfig) {
	cfg.Metadata = maps.Clone(cfg.Metadata)
	if cfg.Metadata == nil {
		cfg.Metadata = map[string]string{}
	}
	cfg.Metadata[monitorEnabled] = "true"
	cfg.Metadata[monitorOutstanding] = strconv.Itoa(max(cfg.MaxAckPending/10*9, 1))
	cfg.Metadata[monitorUnprocessed] = strconv.Itoa(cfg.MaxAckPending)
}
