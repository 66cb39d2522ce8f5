package restore

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
)

// perSubject is the limit without which clients of NATS refuse a stream as a bucket of keys.
const perSubject = "max_msgs_per_subject"

// Bucket is the limit of messages for each key that a restored bucket has got.
type Bucket struct {
	Limit int64  // 0: the stream is no bucket, or had no such limit
	Key   string // subject that needs a higher limit than the recorded one; empty: none does
}

// LimitBucket sets the limit of messages per subject of a restored bucket again, which is a stream with the name of
// one. An archive has old values, too, which the bucket has dropped: so that none of them is dropped now, the limit is
// as high as the key with the most messages needs it.
func LimitBucket(ctx context.Context, nc *nats.Conn, prefix, name string, recorded int64) (b Bucket, err error) {
	if recorded < 1 || !strings.HasPrefix(name, "KV_") && !strings.HasPrefix(name, "OBJ_") {
		return Bucket{}, nil
	}
	r := &run{Options: Options{Prefix: prefix}, nc: nc}
	b.Limit = recorded
	var config StreamConfig
	for offset, more := 0, true; more; {
		var page struct {
			Total  int          `json:"total"`
			Config StreamConfig `json:"config"`
			State  struct {
				Subjects map[string]int64 `json:"subjects"`
			} `json:"state"`
		}
		request := map[string]any{"subjects_filter": ">", "offset": offset}
		if err := r.api(ctx, "STREAM.INFO."+name, request, &page); err != nil {
			return Bucket{}, fmt.Errorf("count the messages of each key: %w", err)
		}
		for key, n := range page.State.Subjects {
			if n > b.Limit {
				b.Limit, b.Key = n, key
			}
		}
		config, offset = page.Config, offset+len(page.State.Subjects)
		more = len(page.State.Subjects) > 0 && offset < page.Total
	}
	if err := config.Set(perSubject, b.Limit); err != nil {
		return Bucket{}, err
	}
	var answer struct{}
	if err := r.api(ctx, "STREAM.UPDATE."+name, config, &answer); err != nil {
		return Bucket{}, fmt.Errorf("%s cannot be set, without which clients refuse the bucket: %w: set it with "+
			"nats stream edit %s --max-msgs-per-subject=%d", perSubject, err, name, b.Limit)
	}
	return b, nil
}
