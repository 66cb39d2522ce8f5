package reader

import (
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// edits returns what is different between two configurations of a consumer, of all that decides which messages it
// delivers, and how; each as a text for people. Limits such as max_ack_pending may change at any time.
func edits(was, is jetstream.ConsumerConfig) (changes []string) {
	add := func(same bool, setting string, before, after any) {
		if !same {
			changes = append(changes, fmt.Sprintf("%s was %v and is %v", setting, before, after))
		}
	}
	before := normalFilter(append(slices.Clone(was.FilterSubjects), was.FilterSubject))
	after := normalFilter(append(slices.Clone(is.FilterSubjects), is.FilterSubject))
	add(slices.Equal(before, after), "filter_subjects", describeFilter(before), describeFilter(after))
	add(was.DeliverPolicy == is.DeliverPolicy, "deliver_policy", was.DeliverPolicy, is.DeliverPolicy)
	add(was.OptStartSeq == is.OptStartSeq, "opt_start_seq", was.OptStartSeq, is.OptStartSeq)
	add(was.AckPolicy == is.AckPolicy, "ack_policy", was.AckPolicy, is.AckPolicy)
	add(was.ReplayPolicy == is.ReplayPolicy, "replay_policy", was.ReplayPolicy, is.ReplayPolicy)
	add(was.HeadersOnly == is.HeadersOnly, "headers_only", was.HeadersOnly, is.HeadersOnly)
	add(max(was.MaxDeliver, 0) == max(is.MaxDeliver, 0), "max_deliver", was.MaxDeliver, is.MaxDeliver)
	add(slices.Equal(was.BackOff, is.BackOff), "backoff", was.BackOff, is.BackOff)
	add(was.DeliverSubject == is.DeliverSubject, "deliver_subject", was.DeliverSubject, is.DeliverSubject)
	add(slices.Equal(was.PriorityGroups, is.PriorityGroups), "priority_groups", was.PriorityGroups, is.PriorityGroups)
	return changes
}
