package reader

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// UnsuitableError says why a consumer cannot be captured from. It has every reason.
type UnsuitableError struct {
	Stream, Consumer string
	Reasons          []string
}

// Error lists the reasons.
func (e *UnsuitableError) Error() string {
	return fmt.Sprintf("consumer %q on stream %q cannot be used: %s; change it, or name another consumer",
		e.Consumer, e.Stream, strings.Join(e.Reasons, "; "))
}

// CheckConsumer returns all reasons why a consumer cannot be captured from; nil if it can. filter is the capture's own:
// the subjects in any order, none for the whole stream. Settings that it does not check, such as AckWait and
// MaxAckPending, may have any value.
func CheckConsumer(cfg jetstream.ConsumerConfig, filter []string) []string {
	var reasons []string
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			reasons = append(reasons, fmt.Sprintf(format, args...))
		}
	}
	refuse(cfg.DeliverSubject != "", "it is a push consumer (deliver_subject %q)", cfg.DeliverSubject)
	refuse(cfg.AckPolicy != jetstream.AckExplicitPolicy, "its ack policy is %v, not explicit", cfg.AckPolicy)
	refuse(cfg.DeliverPolicy != jetstream.DeliverAllPolicy, "its deliver policy is %v, not all", cfg.DeliverPolicy)
	refuse(cfg.MaxDeliver > 0, "max_deliver is %d, not -1: a message could be given up before it is stored",
		cfg.MaxDeliver)
	refuse(len(cfg.BackOff) > 0, "it has a backoff")
	refuse(cfg.HeadersOnly, "it delivers headers only")
	refuse(len(cfg.PriorityGroups) > 0, "it has priority groups (%s)", strings.Join(cfg.PriorityGroups, ", "))
	refuse(cfg.InactiveThreshold > 0,
		"the server deletes it after %v without a reader (inactive_threshold, perhaps inherited from the stream)",
		cfg.InactiveThreshold.Round(time.Millisecond))
	has, want := normalFilter(append(cfg.FilterSubjects, cfg.FilterSubject)), normalFilter(filter)
	refuse(!slices.Equal(has, want), "it filters %s, the capture %s", describeFilter(has), describeFilter(want))
	return reasons
}

// normalFilter returns the subjects sorted, each once. It returns nil if they match everything.
func normalFilter(subjects []string) []string {
	var normal []string
	for _, s := range subjects {
		if s != "" {
			normal = append(normal, s)
		}
	}
	slices.Sort(normal)
	normal = slices.Compact(normal)
	if slices.Contains(normal, ">") {
		return nil
	}
	return normal
}

func describeFilter(subjects []string) string {
	if len(subjects) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%q", subjects)
}
