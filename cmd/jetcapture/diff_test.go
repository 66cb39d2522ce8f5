package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// wantDiff compares two archives.
func wantDiff(t *testing.T, code int, stdout, stderr string, args ...string) {
	t.Helper()
	got := environment{}.run(t, append([]string{"diff"}, args...)...)
	printed := strings.Contains(got.stdout, stdout) && (stdout == "") == (got.stdout == "")
	if got.code != code || !printed || !strings.Contains(got.stderr, stderr) {
		t.Errorf("%q: exit code %d, want %d, %q and %q:\n%s%s", args, got.code, code, stdout, stderr, got.stdout, got.stderr)
	}
}

// Archives of other formats, keys and cuts are equal; one that lacks a message, and one of another stream, are not.
func TestDiff(t *testing.T) {
	r := newRestoring(t)
	other := filepath.Join(t.TempDir(), "other")
	captureOnce(t, r.srv, other, "--format", "parquet")
	wantDiff(t, exitDone, "", "50 messages equal, 0 in A only", r.folder, other)

	r.publish(5)
	captureOnce(t, r.srv, other, "--format", "parquet")
	wantDiff(t, exitDone, "", "B 1 to 55: compared are 1 to 50", r.folder, other)
	wantDiff(t, exitFailed, "+ 55 ", "0 in A only, 5 in B only", r.folder, other, "--seq", "1..55")
	wantDiff(t, exitFailed, "- 51 ", "5 in A only, 0 in B only", other, r.folder, "--seq", "..55")
	wantDiff(t, exitDone, "", "0 messages equal", r.folder, other, "--seq", "60..70")

	nc := natstest.Start(t)
	natstest.CreateStream(t, nc.Connect(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	natstest.Publish(t, nc.Connect(), 2, func(int) *nats.Msg { return &nats.Msg{Subject: "orders.1", Data: []byte("{}")} })
	third := filepath.Join(t.TempDir(), "third")
	captureOnce(t, nc, third)
	wantDiff(t, exitFailed, "! 1 ", "0 messages equal, 0 in A only, 0 in B only, 2 not the same", r.folder, third)
	wantDiff(t, exitUsage, "", "another one", r.folder)
}

// An archive is compared with what the stream still holds, and with another stream.
func TestDiffWithAStream(t *testing.T) {
	r := newRestoring(t)
	args := []string{r.folder, "--against-stream", "--nats-server", r.srv.URL()}
	wantDiff(t, exitDone, "", "50 messages equal, 0 in A only", args...)
	s, err := r.js.Stream(t.Context(), "ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(s.DeleteMsg(t.Context(), 20), s.Purge(t.Context(), jetstream.WithPurgeSequence(11)))
	if err != nil {
		t.Fatal(err)
	}
	r.publish(3)
	wantDiff(t, exitFailed, "- 20 ", "B 11 to 53: compared are 11 to 50", args...)
	wantDiff(t, exitFailed, "+ 53 ", "11 in A only, 3 in B only", append(args, "--seq", "1..60")...)
	natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: "COPY", Subjects: []string{"copy"}})
	natstest.Publish(t, r.nc, 1, func(int) *nats.Msg { return &nats.Msg{Subject: "copy"} })
	wantDiff(t, exitFailed, "! 1 ", "1 not the same", append(args, "-s", "COPY")...)
	wantDiff(t, exitFailed, "", "does not exist: NONE: --stream-name names another one", append(args, "-s", "NONE")...)
	wantDiff(t, exitUsage, "", "--against-stream", r.folder, r.folder, "-s", "COPY")
}
