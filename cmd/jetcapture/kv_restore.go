package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/replay"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// kvRestore says which bucket takes the values of another one.
type kvRestore struct {
	name     string // empty: none
	replicas int    // 0: those of the old one
}

// kvPuts is how many values are under way at a time.
const kvPuts = 32

// restoreBucket makes the bucket and puts the values into it.
func (s *kvSettings) restoreBucket(
	ctx context.Context, from *archive.Capture, values map[string]kvEntry, c console,
) error {
	config, err := s.restore.config(ctx, from)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	nc, prefix, err := natsconn.Connect(s.nats.named("jetcapture kv"), log)
	if err != nil {
		return err
	}
	defer nc.Close()
	bucket, err := makeBucket(ctx, nc, prefix, config)
	if err != nil {
		return err
	}
	keys := slices.Sorted(maps.Keys(values))
	err = parallel.Each(ctx, kvPuts, len(keys), func(ctx context.Context, i int) error {
		e := values[keys[i]]
		value := e.Binary
		if e.Value != nil {
			value = []byte(*e.Value)
		}
		if _, err := bucket.Create(ctx, e.Key, value); err != nil {
			return fmt.Errorf("put key %s: %w", e.Key, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("bucket %s was made and is not complete, delete it before you start again: %w", s.restore.name,
			err)
	}
	say(c.stdout, "bucket %s has %s\n", s.restore.name, counted(int64(len(keys)), "key"))
	return nil
}

// makeBucket makes a bucket, which must not exist.
func makeBucket(
	ctx context.Context, nc *nats.Conn, prefix string, config jetstream.KeyValueConfig,
) (jetstream.KeyValue, error) {
	js, err := replay.JetStream(nc, prefix)
	if err != nil {
		return nil, err
	}
	_, err = js.KeyValue(ctx, config.Bucket)
	switch {
	case err == nil:
		return nil, fmt.Errorf("bucket %s exists already: choose another name", config.Bucket)
	case !errors.Is(err, jetstream.ErrBucketNotFound):
		return nil, fmt.Errorf("look for bucket %s: %w", config.Bucket, adviseDenied(nc, err))
	}
	bucket, err := js.CreateKeyValue(ctx, config)
	if err != nil {
		err = adviseReplicas(adviseDenied(nc, err))
		return nil, fmt.Errorf("make bucket %s with %d replicas: %w", config.Bucket, config.Replicas, err)
	}
	return bucket, nil
}

// config is the configuration of the new bucket: that of the old one, as far as the archive has recorded it.
func (r *kvRestore) config(ctx context.Context, from *archive.Capture) (jetstream.KeyValueConfig, error) {
	config := jetstream.KeyValueConfig{Bucket: r.name}
	for recorded, err := range from.StreamConfigs(ctx) {
		if err != nil {
			return config, err
		}
		if !strings.HasPrefix(recorded.Stream.Name, "KV_") { // it has the messages of a bucket, and is none
			continue
		}
		var was jetstream.StreamConfig
		if err := json.Unmarshal(recorded.Config, &was); err != nil {
			return config, fmt.Errorf("read the recorded configuration of stream %s: %w", recorded.Stream.Name, err)
		}
		config.Description, config.TTL = was.Description, was.MaxAge
		config.Storage, config.Replicas = was.Storage, was.Replicas
		config.MaxBytes, config.MaxValueSize = was.MaxBytes, was.MaxMsgSize
		config.History = uint8(min(max(was.MaxMsgsPerSubject, 1), jetstream.KeyValueMaxHistory))
	}
	if r.replicas > 0 {
		config.Replicas = r.replicas
	}
	return config, nil
}
