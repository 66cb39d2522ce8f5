package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// changes describes the lines that kv prints.
func changes(t *testing.T, args ...string) string {
	t.Helper()
	var all []string
	for line := range strings.Lines(readingRun(t, append([]string{"kv"}, args...)...)) {
		var e kvEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Time.IsZero() {
			t.Fatalf("%s: %v", line, err)
		}
		value := fmt.Sprintf("%x", e.Binary)
		if e.Value != nil {
			value = *e.Value
		}
		all = append(all, fmt.Sprintf("%d %s %s%s", e.Revision, e.Key, e.Operation, value))
	}
	return strings.Join(all, ", ")
}

func TestKV(t *testing.T) {
	srv := natstest.Start(t)
	js := natstest.JetStream(t, srv.Connect())
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "settings", History: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, put := range []func() error{
		func() error { _, err := kv.PutString(t.Context(), "a", "1"); return err },
		func() error { _, err := kv.PutString(t.Context(), "b.c", "2\n"); return err },
		func() error { _, err := kv.Put(t.Context(), "d", []byte("\xff")); return err },
		func() error { _, err := kv.PutString(t.Context(), "a", "3"); return err },
		func() error { return kv.Delete(t.Context(), "b.c") },
		func() error { _, err := kv.PutString(t.Context(), "b.c", ""); return err },
		func() error { return kv.Purge(t.Context(), "d") },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
	}
	folder := filepath.Join(t.TempDir(), "archive")
	captureStream(t, srv, "KV_settings", folder)
	if got, want := changes(t, folder, "settings"), "4 a 3, 6 b.c "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	history := changes(t, folder, "settings", "--history")
	if want := "1 a 1, 2 b.c 2\n, 4 a 3, 5 b.c DEL, 6 b.c , 7 d PURGE"; history != want {
		t.Errorf("%q, want %q", history, want)
	}
	history = changes(t, folder, "settings", "--key", "b.*", "--history")
	if want := "2 b.c 2\n, 5 b.c DEL, 6 b.c "; history != want {
		t.Errorf("%q, want %q", history, want)
	}
	third, err := kv.GetRevision(t.Context(), "a", 4)
	if err != nil {
		t.Fatal(err)
	}
	at := third.Created().UTC().Format("2006-01-02T15:04:05.999999999Z")
	if got, want := changes(t, folder, "settings", "--at", at), "1 a 1, 2 b.c 2\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (environment{}).run(t, "kv", folder, "other"); got.code != exitFailed ||
		!strings.Contains(got.stderr, "has no message of bucket other: the buckets that it has are settings") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	restore := []string{"kv", folder, "settings", "--restore-as", "copy", "--nats-server", srv.URL()}
	if got := readingRun(t, append(restore, "--at", at)...); got != "bucket copy has 2 keys\n" {
		t.Error(got)
	}
	wantReplay(t, environment{}.run(t, "kv", folder, "settings", "--restore-as", "three", "--replicas", "3",
		"--nats-server", srv.URL()), exitFailed, "ask for one replica, by --replicas 1")
	again, err := js.KeyValue(t.Context(), "copy")
	if err != nil {
		t.Fatal(err)
	}
	status, err := again.Status(t.Context())
	entry, getErr := again.Get(t.Context(), "b.c")
	if err := errors.Join(err, getErr); err != nil || string(entry.Value()) != "2\n" || status.History() != 10 ||
		status.Values() != 2 {
		t.Errorf("%v: %v, %v", err, entry, status)
	}
	if got := (environment{}).run(t, restore...); got.code != exitFailed ||
		!strings.Contains(got.stderr, "exists already") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	for _, tt := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, `"a.b" is not the name of a bucket`, []string{"a.b"}},
		{exitUsage, `"b": an archive and BUCKET only are expected; --key KEY chooses keys`, []string{"settings", "b"}},
		{
			exitDone, "bucket settings had no keys just before 2020-01-01T00:00:00Z; its first change in the archive is of 20",
			[]string{"settings", "--at", "2020-01-01"},
		},
		{exitDone, "bucket settings had no key that matches d where the archive ends\n", []string{"settings", "--key", "d"}},
		{exitDone, "had no key that matches x", []string{"settings", "--key", "x", "--history"}},
	} {
		wantReplay(t, environment{}.run(t, append([]string{"kv", folder}, tt.args...)...), tt.code, tt.want)
	}
}

// TestKVOfABucketThatForgets: what a bucket had dropped for its age is not in it, and no message says so.
func TestKVOfABucketThatForgets(t *testing.T) {
	srv := natstest.Start(t)
	js := natstest.JetStream(t, srv.Connect())
	config := jetstream.KeyValueConfig{Bucket: "sessions", TTL: time.Hour}
	kv, err := js.CreateKeyValue(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.PutString(t.Context(), "old", "1"); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "archive")
	captureStream(t, srv, "KV_sessions", folder)
	if got, want := changes(t, folder, "sessions"), "1 old 1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	config.TTL = 100 * time.Millisecond
	if _, err := js.UpdateKeyValue(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, time.Minute, "value that has expired", func() bool {
		_, err := kv.Get(t.Context(), "old")
		return errors.Is(err, jetstream.ErrKeyNotFound)
	})
	if _, err := kv.PutString(t.Context(), "new", "2"); err != nil { // which may have expired when it is captured
		t.Fatal(err)
	}
	captureStream(t, srv, "KV_sessions", folder)
	at := time.Now().UTC().Add(time.Hour).Format(time.RFC3339) // which the archive does not reach
	for _, args := range [][]string{{}, {"--at", at}} {
		got := (environment{}).run(t, append([]string{"kv", folder, "sessions"}, args...)...)
		if strings.Contains(got.stdout, `"old"`) ||
			!strings.Contains(got.stderr, " had expired: the bucket kept values for ") {
			t.Errorf("%v: %s%s", args, got.stdout, got.stderr)
		}
	}
	if got := changes(t, folder, "sessions", "--history"); !strings.HasPrefix(got, "1 old 1") {
		t.Errorf("the history is %s", got)
	}
}

// TestKVOfAnArchiveWithOthers: the capture of the bucket is taken without being named, and one that is missing names
// those that there are.
func TestKVOfAnArchiveWithOthers(t *testing.T) {
	srv := natstest.Start(t)
	js := natstest.JetStream(t, srv.Connect())
	folder := filepath.Join(t.TempDir(), "archive")
	for _, name := range []string{"prices", "settings"} {
		kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.PutString(t.Context(), "a", name); err != nil {
			t.Fatal(err)
		}
		captureStream(t, srv, "KV_"+name, folder)
	}
	if got, want := changes(t, folder, "settings"), "1 a settings"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	got := (environment{}).run(t, "kv", folder, "other")
	wantReplay(t, got, exitFailed, "has no capture KV_other, which that bucket would have; buckets that it has: prices, "+
		"settings. If")
	wantReplay(t, got, exitFailed, "with --capture: KV_prices, KV_settings\n")
}

// TestRestoredBucket: a bucket that was restored as a stream is one for clients. The archive has old values that the
// bucket has dropped; they come back, and stay.
func TestRestoredBucket(t *testing.T) {
	for history, want := range map[uint8]string{1: "it is 3, because the archive has so many", 5: ""} {
		srv := natstest.Start(t) // one that may still be deleting the other bucket refuses to make it
		js := natstest.JetStream(t, srv.Connect())
		kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "settings", History: history})
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(t.TempDir(), "archive")
		for _, value := range []string{"1", "2", "3"} {
			if _, err := kv.PutString(t.Context(), "a", value); err != nil {
				t.Fatal(err)
			}
			captureStream(t, srv, "KV_settings", folder)
		}
		if err := js.DeleteKeyValue(t.Context(), "settings"); err != nil {
			t.Fatal(err)
		}
		got := readingRun(t, "restore", folder, "--stream-name", "KV_settings", "--nats-server", srv.URL())
		if !strings.Contains(got, want) || (want == "") == strings.Contains(got, "max_msgs_per_subject") {
			t.Errorf("history %d: %s", history, got)
		}
		restored, err := js.KeyValue(t.Context(), "settings")
		if err != nil {
			t.Fatalf("history %d: %v", history, err)
		}
		all, err := restored.History(t.Context(), "a")
		status, statusErr := restored.Status(t.Context())
		if err := errors.Join(err, statusErr); err != nil || len(all) != 3 || string(all[2].Value()) != "3" ||
			status.History() != max(int64(history), 3) {
			t.Errorf("history %d: %v, %d values, %v", history, err, len(all), status)
		}
	}
}

// captureStream captures what a stream holds.
func captureStream(t *testing.T, srv *natstest.Server, stream, folder string) {
	t.Helper()
	args := []string{"run", "--once", "-s", stream, "-o", folder, "--nats-server", srv.URL()}
	if got := (environment{}).run(t, args...); got.code != exitDone {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
}
