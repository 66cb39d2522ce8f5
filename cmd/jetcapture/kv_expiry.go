package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/nats-io/nats.go/jetstream"
)

// expire takes out the values that the stream had dropped for their age, without a message that says so. The archive
// knows the bucket up to its newest cut.
func (s *kvSettings) expire(
	ctx context.Context, from *archive.Capture, bucket string, now map[string]kvEntry, c console,
) error {
	lives, err := from.Incarnations(ctx)
	if err != nil || len(now) == 0 || len(lives) == 0 {
		return err
	}
	newest := lives[len(lives)-1]
	end := newest.Opening
	if newest.Newest.N > 0 {
		end = newest.Newest.Plan
	}
	at := end.Time
	if !s.at.IsZero() && s.at.Before(at) {
		at = s.at
	}
	age, err := maxAgeAt(ctx, from, "KV_"+bucket, end.N, at)
	if err != nil || age <= 0 {
		return err
	}
	had := len(now)
	maps.DeleteFunc(now, func(_ string, e kvEntry) bool { return !e.lasting && !e.Time.Add(age).After(at) })
	if gone := had - len(now); gone > 0 {
		say(c.stderr, "jetcapture: %s had expired: the bucket kept values for %s\n", counted(int64(gone), "key"),
			formatDuration(age))
	}
	return nil
}

// maxAgeAt is the limit of age that a stream had at a time, as far as the archive has recorded it up to a cut; 0: none.
func maxAgeAt(
	ctx context.Context, from *archive.Capture, stream string, last uint64, at time.Time,
) (age time.Duration, err error) {
	for recorded, err := range from.StreamConfigs(ctx) {
		if err != nil {
			return 0, err
		}
		if recorded.N > last {
			break
		}
		if recorded.N > 1 { // what was recorded first is the oldest that is known
			cut, err := from.Cut(ctx, recorded.N)
			if err != nil {
				return 0, err
			}
			if cut.Plan.Time.After(at) {
				break
			}
		}
		var was jetstream.StreamConfig
		if err := json.Unmarshal(recorded.Config, &was); err != nil {
			return 0, fmt.Errorf("read the recorded configuration of stream %s: %w", recorded.Stream.Name, err)
		}
		if age = 0; recorded.Stream.Name == stream {
			age = was.MaxAge
		}
	}
	return age, nil
}
