package crashtest

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Held reads everything that a stream holds, independent of its consumers.
func Held(tb testing.TB, nc *nats.Conn, stream string) (all []oracle.Message) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	s, err := natstest.JetStream(tb, nc).Stream(ctx, stream)
	if err != nil {
		tb.Fatalf("look at stream %s: %v", stream, err)
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	found := make([]*oracle.Message, state.LastSeq-state.FirstSeq+1)
	errs := make([]error, heldWorkers)
	var wg sync.WaitGroup
	for w := range heldWorkers {
		wg.Go(func() { errs[w] = getEvery(ctx, s, state.FirstSeq, found, w) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		tb.Fatalf("read stream %s: %v", stream, err)
	}
	for _, m := range found {
		if m != nil {
			all = append(all, *m)
		}
	}
	return all
}

// heldWorkers is how many requests of Held run at the same time.
const heldWorkers = 32

// getEvery gets every heldWorkers'th message, from the one with the worker's number on.
func getEvery(ctx context.Context, s jetstream.Stream, first uint64, found []*oracle.Message, worker int) error {
	for i := worker; i < len(found); i += heldWorkers {
		m, err := s.GetMsg(ctx, first+uint64(i))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("get sequence %d: %w", first+uint64(i), err)
		}
		found[i] = &oracle.Message{Seq: m.Sequence, Subject: m.Subject, Data: m.Data}
	}
	return nil
}

// State returns the state of a stream.
func State(tb testing.TB, nc *nats.Conn, stream string) jetstream.StreamState {
	tb.Helper()
	s, err := natstest.JetStream(tb, nc).Stream(natstest.Context(tb), stream)
	if err != nil {
		tb.Fatalf("look at stream %s: %v", stream, err)
	}
	return s.CachedInfo().State
}

// AckFloor returns the stream sequence up to which everything is acknowledged on a consumer; 0 while there is no such
// consumer.
func AckFloor(ctx context.Context, js jetstream.JetStream, stream, consumer string) (uint64, error) {
	c, err := js.Consumer(ctx, stream, consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at consumer %s: %w", consumer, err)
	}
	return c.CachedInfo().AckFloor.Stream, nil
}

// StoredTo returns the stream sequence up to which the archive in a folder has everything, by its newest done record; 0
// while there is none. It reads only that cut, so that tests can call it often.
func StoredTo(folder, capture string) (uint64, error) {
	log := filepath.Join(folder, "_jetcapture", capture, "log")
	entries, err := os.ReadDir(log)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("list the log: %w", err)
	}
	for _, e := range slices.Backward(entries) { // ascending by name, so by number
		if n, ok := strings.CutSuffix(e.Name(), ".done.json"); ok {
			return planTo(filepath.Join(log, n+".plan.json.gz"))
		}
	}
	return 0, nil
}

// Unfinished reports whether the newest plan of the archive in a folder has no done record.
func Unfinished(folder, capture string) bool {
	entries, err := os.ReadDir(filepath.Join(folder, "_jetcapture", capture, "log"))
	return err == nil && len(entries) > 0 && !strings.HasSuffix(newestCut(entries), ".done.json")
}

// newestCut returns the name of the newest record: the one with the greatest number, and done rather than plan.
func newestCut(entries []os.DirEntry) string {
	last := entries[len(entries)-1].Name()
	n, _, _ := strings.Cut(last, ".")
	for _, e := range entries {
		if e.Name() == n+".done.json" {
			return e.Name()
		}
	}
	return last
}

// planTo returns the end of the range of the plan in a file.
func planTo(path string) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("open a plan: %w", err)
	}
	defer func() { _ = f.Close() }()
	zip, err := gzip.NewReader(f)
	if err != nil {
		return 0, fmt.Errorf("unpack %s: %w", path, err)
	}
	var p struct {
		To uint64 `json:"to"`
	}
	if err := json.NewDecoder(zip).Decode(&p); err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return p.To, nil
}
