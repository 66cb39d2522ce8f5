package reader

import (
	"context"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
)

const (
	replicasWait = 10 * time.Second       // at most, before a RESET
	replicasLook = 500 * time.Millisecond // between two looks
)

// awaitReplicas waits a little while until all replicas of a consumer are up to date, before it is RESET. A replica
// that misses the RESET, and is brought up to date by a snapshot later, may keep the acks from before. If it becomes
// the leader, a work queue may lose messages that nobody acknowledged (nats-server 2.15.2, consumerFileStore.Update).
func (d *Durable) awaitReplicas(ctx context.Context, consumer *consumerInfo) error {
	if consumer.AckFloor.Consumer == 0 { // there are no acks from before
		return nil
	}
	for until := time.Now().Add(replicasWait); ; {
		behind := consumer.behind()
		if behind == "" {
			return nil
		}
		if time.Now().After(until) {
			d.log.Warn("a replica of the consumer is not up to date while it is reset: a fault of nats-server may then take "+
				"messages for acknowledged; keep the servers of the stream running when captures start", "replica", behind)
			return nil
		}
		if err := retry.Pause(ctx, replicasLook); err != nil {
			return err
		}
		now, err := d.src.consumer(ctx, d.cfg.Name)
		if err != nil {
			return err
		}
		consumer = now
	}
}

// behind returns a server whose replica of the consumer is not up to date; empty if all are.
func (c *consumerInfo) behind() string {
	if c.Cluster == nil {
		return ""
	}
	for _, r := range c.Cluster.Replicas {
		if !r.Current || r.Offline {
			return r.Name
		}
	}
	return ""
}
