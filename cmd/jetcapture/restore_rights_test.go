package main

import (
	"errors"
	"sync/atomic"
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

// runAs runs the command as a user with the password p. The client reports what is denied in a goroutine of its own,
// which may write to the standard error when the command has ended.
func runAs(t *testing.T, user string, args ...string) result {
	t.Helper()
	e := environment{"NATS_USER": user, "NATS_PASSWORD": "p"}
	var stdout, stderr page
	code := execute(t.Context(), append([]string{"jetcapture"}, args...),
		console{&stdout, &stderr, func(name string) string { return e[name] }, new(atomic.Bool), nil})
	return result{code, stdout.String(), stderr.String()}
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
		return runAs(t, user, args...)
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
	got := runAs(t, "none", "replay", whole.folder, "--nats-server", srv.URL(), "-s", "COPY", "--map", "orders.*=copy.$1")
	wantReplay(t, got, exitFailed, "publish stream sequence 1 into stream COPY: the user may not publish to copy.0")
}
