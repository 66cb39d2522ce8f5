package main

import (
	"errors"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/restore"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestNamesOfStreamsMayBeDenied: the server drops such a request, and says so to the connection. It is not waited for.
func TestNamesOfStreamsMayBeDenied(t *testing.T) {
	srv := natstest.Start(t, natstest.Configured(t, `authorization { users: [
		{user: u, password: p, permissions: {publish: {deny: "$JS.API.STREAM.NAMES"}}}]}`))
	nc := srv.Connect(nats.UserInfo("u", "p"))
	for subject, want := range map[string]bool{"$JS.API.STREAM.NAMES": true, "$JS.API.STREAM.LIST": false} {
		if got := isDenied(nc, subject); got != want {
			t.Errorf("isDenied(%s) = %v", subject, got)
		}
	}
	config, err := restore.ParseStreamConfig([]byte(`{"name":"S","subjects":["s"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := checkSubjects(t.Context(), nc, "", config, ""); err != nil {
		t.Errorf("what cannot be asked is left to the server: %v", err)
	}
}

// TestRestoreWithoutRights: the server would not answer, and a restore or a replay would wait for half a minute. A user
// with the rights of docs/RESTORE.md needs no others.
func TestRestoreWithoutRights(t *testing.T) {
	whole := newRestoring(t)
	const rights = `"$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*"`
	srv := natstest.Start(t, natstest.Configured(t, `authorization { users: [
		{user: all, password: p},
		{user: none, password: p, permissions: {publish: [`+rights+`]}},
		{user: begin, password: p, permissions: {publish: [`+rights+`, "$JS.API.STREAM.RESTORE.*"]}},
		{user: restore, password: p, permissions: {
			publish: [`+rights+`, "$JS.API.STREAM.RESTORE.*", "$JS.SNAPSHOT.RESTORE.>"]}}]}`))
	run := func(user string, args ...string) result {
		args = append([]string{"restore", whole.folder, "--nats-server", srv.URL(), "-s", "COPY"}, args...)
		return environment{"NATS_USER": user, "NATS_PASSWORD": "p"}.run(t, args...)
	}
	for user, subject := range map[string]string{
		"none": "$JS.API.STREAM.RESTORE.COPY", "begin": "$JS.SNAPSHOT.RESTORE.COPY.try",
	} {
		for _, args := range [][]string{{}, {"--dry-run"}} {
			wantReplay(t, run(user, args...), exitFailed, "the user may not publish to "+subject+": a restore needs")
		}
	}
	js := natstest.JetStream(t, srv.Connect(nats.UserInfo("all", "p")))
	if _, err := js.Stream(t.Context(), "COPY"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("a stream was made: %v", err)
	}
	wantReplay(t, run("restore"), exitDone, "stream COPY has 50 messages")
	got := environment{"NATS_USER": "none", "NATS_PASSWORD": "p"}.run(t, "replay", whole.folder,
		"--nats-server", srv.URL(), "-s", "COPY", "--map", "orders.*=copy.$1")
	wantReplay(t, got, exitFailed, "publish stream sequence 1 into stream COPY: the user may not publish to copy.0")
}
