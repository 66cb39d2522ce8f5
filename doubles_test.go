package jetcapture_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/oracle"
)

// guarded is a bucket that asks before each put whether the put may be made.
type guarded struct {
	bucket.Bucket
	before func(ctx context.Context, name string) error
}

// PutNew implements bucket.Bucket.
func (b guarded) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	if err := b.before(ctx, name); err != nil {
		return err
	}
	return b.Bucket.PutNew(ctx, name, body, opts)
}

// inLog reports whether an object belongs to the log, and not to the files.
func inLog(name string) bool { return strings.HasPrefix(name, "_jetcapture/") }

// hanging takes the records of the log and no file.
func hanging(b bucket.Bucket) bucket.Bucket {
	return guarded{b, func(ctx context.Context, name string) error {
		if inLog(name) {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}}
}

// gated holds back files until open is called.
func gated(b bucket.Bucket) (held bucket.Bucket, open func()) {
	gate := make(chan struct{})
	return guarded{b, func(ctx context.Context, name string) error {
		if inLog(name) {
			return nil
		}
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}, func() { close(gate) }
}

// refusing refuses every put with an error while refuse is true.
func refusing(b bucket.Bucket, refuse *atomic.Bool, err error) bucket.Bucket {
	return guarded{b, func(context.Context, string) error {
		if refuse.Load() {
			return err
		}
		return nil
	}}
}

// stopping takes some files and then ends the capture. Files must be put by one goroutine, see Options.StoreWorkers.
func stopping(b bucket.Bucket, files int) bucket.Bucket {
	return guarded{b, func(_ context.Context, name string) error {
		if inLog(name) {
			return nil
		}
		if files == 0 {
			return errFatal
		}
		files--
		return nil
	}}
}

// errFatal is an error after which no capture goes on.
var errFatal = &cutlog.CorruptError{Object: "the test's", Expected: "none", Found: "one", Advice: "none"}

// interrupt runs a capture that dies when it has planned a cut and stored some of its files.
func interrupt[P jetcapture.Payload, K jetcapture.DestKey](r *rig, o jetcapture.Options[P, K], stored int) {
	r.t.Helper()
	o.Archive.Bucket, o.StoreWorkers = stopping(r.bucket, stored), 1
	if _, err := tryCapture(r, o); !errors.Is(err, errFatal) {
		r.t.Fatalf("Run = %v, want %v", err, errFatal)
	}
}

// memStore is a BlockStore in memory. Before a block is stored, fail may refuse it.
type memStore struct {
	fail func(name string) error

	mu     sync.Mutex
	blocks map[string][]byte // by key, directory and file name
	calls  int
}

// Write implements jetcapture.BlockStore.
func (s *memStore) Write(ctx context.Context, block io.Reader, key, dir, name string) (string, error) {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	path := key + "|" + dir + "|" + name
	data, err := io.ReadAll(block)
	if err != nil {
		return "", err
	}
	if s.fail != nil {
		if err := s.fail(path); err != nil {
			return "", errors.Join(err, ctx.Err())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.blocks[path]; ok && !bytes.Equal(old, data) {
		return "", fmt.Errorf("%s is there with other bytes", path)
	}
	if s.blocks == nil {
		s.blocks = map[string][]byte{}
	}
	s.blocks[path] = data
	return path, nil
}

// names returns the names of the blocks.
func (s *memStore) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.blocks))
}

// seqs returns how often each stream sequence is in a block.
func (s *memStore) seqs(r *rig) map[uint64]int {
	r.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[uint64]int{}
	for name, data := range s.blocks {
		plain, err := oracle.Decompress("gzip", data)
		if err != nil {
			r.t.Fatalf("block %s: %v", name, err)
		}
		for _, line := range oracle.Lines(plain) {
			m, err := oracle.NatsMessage(line)
			if err != nil {
				r.t.Fatalf("block %s: %v", name, err)
			}
			if !strings.HasPrefix(name, m.Subject+"|") {
				r.t.Errorf("sequence %d (%s) is in the block %s", m.Seq, m.Subject, name)
			}
			n[m.Seq]++
		}
	}
	return n
}

// payloads returns how often each payload is in a block.
func (s *memStore) payloads(t *testing.T) map[string]int {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]int{}
	for name, data := range s.blocks {
		plain, err := oracle.Decompress("gzip", data)
		if err != nil {
			t.Fatalf("block %s: %v", name, err)
		}
		for _, line := range oracle.Lines(plain) {
			m, err := oracle.NatsMessage(line)
			if err != nil {
				t.Fatalf("block %s: %v", name, err)
			}
			n[string(m.Data)]++
		}
	}
	return n
}

// wantAtLeastOnce checks that every message that the stream held is in a block.
func (s *memStore) wantAtLeastOnce(r *rig) {
	r.t.Helper()
	n := s.seqs(r)
	for _, m := range r.held {
		if n[m.Seq] == 0 {
			r.t.Errorf("sequence %d is in no block", m.Seq)
		}
	}
}

// storeFunc is a function as a BlockStore.
type storeFunc func(ctx context.Context, block io.Reader, key, dir, name string) (string, error)

// Write implements jetcapture.BlockStore.
func (f storeFunc) Write(ctx context.Context, block io.Reader, key, dir, name string) (string, error) {
	return f(ctx, block, key, dir, name)
}

// warnings gets the lines of a log for tests that wait for one.
type warnings chan string

// Write implements io.Writer.
func (w warnings) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

// logger logs warnings and errors to w.
func (w warnings) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
