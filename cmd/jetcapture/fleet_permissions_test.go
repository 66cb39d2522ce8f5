package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestAWorkerNeedsThePermissionsOfTheDocument: it takes tasks, renews them and hands them over with exactly these, and
// those of its captures.
func TestAWorkerNeedsThePermissionsOfTheDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/FLEET.md")
	must(t, err)
	block := regexp.MustCompile("(?s)```conf\n(publish:.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("docs/FLEET.md has no permissions")
	}
	ofCapture := `publish: [
		"$JS.API.STREAM.INFO.ORDERS", "$JS.API.STREAM.MSG.GET.ORDERS", "$JS.API.CONSUMER.CREATE.ORDERS.*"
		"$JS.API.CONSUMER.INFO.ORDERS.*", "$JS.API.CONSUMER.MSG.NEXT.ORDERS.*", "$JS.API.CONSUMER.DELETE.ORDERS.*"
		"$JS.API.CONSUMER.LIST.ORDERS"`
	const ofPattern = `, "jetcapture.task.*", "$JS.API.STREAM.MSG.DELETE.JETCAPTURE_FLEET", "$JS.API.STREAM.NAMES"
	`
	srv := natstest.Start(t, natstest.Configured(t, `authorization { users: [
		{ user: admin, password: p }
		{ user: worker, password: p, permissions: {
			`+strings.Replace(string(block[1]), "publish: [", ofCapture, 1)+`
		} }
		{ user: follower, password: p, permissions: {
			`+strings.Replace(string(block[1]), "publish: [", ofCapture+ofPattern, 1)+`
		} }
	] }`))
	nc := srv.Connect(nats.UserInfo("admin", "p"))
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS"})
	natstest.PublishN(t, nc, "orders.x", 3)
	admin := environment{"NATS_URL": srv.URL(), "NATS_USER": "admin", "NATS_PASSWORD": "p"}
	path := writeFile(t, "c.yaml", "output: "+t.TempDir()+"\ncaptures:\n  orders: {stream_name: ORDERS}\n")
	for _, args := range [][]string{{"fleet", "init", "--lease", "2s"}, {"fleet", "apply", "-f", path}} {
		if r := admin.run(t, args...); r.code != exitDone {
			t.Fatal(r.stderr)
		}
	}
	worker := environment{"NATS_URL": srv.URL(), "NATS_USER": "worker", "NATS_PASSWORD": "p"}
	stop := worker.startWorker(t, "--worker", "a")
	admin.awaitFleet(t, "a", "orders")
	if r := admin.run(t, "fleet", "drain", "a"); r.code != exitDone {
		t.Errorf("drain: exit code %d, %s", r.code, r.stderr)
	}
	if r := stop(); r.code != exitDone || strings.Contains(r.stderr, "Violation") {
		t.Errorf("exit code %d, %s", r.code, r.stderr)
	}

	// A pattern needs what the document names beside: the other user has that, too.
	pattern := writeFile(t, "p.yaml", "output: "+t.TempDir()+"\ncaptures:\n  all: {stream_name: 'ORDERS*'}\n")
	if r := admin.run(t, "fleet", "apply", "--prune", "-f", pattern); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	worker["NATS_USER"] = "follower"
	log, stopFollowing := worker.startLooking(t, "b")
	admin.awaitFleet(t, "b", "ORDERS")
	js, err := jetstream.New(nc)
	must(t, err)
	must(t, js.DeleteStream(t.Context(), "ORDERS"))
	admin.awaitTasks(t, "streams of all")
	if stopFollowing(); strings.Contains(log.String(), "Violation") {
		t.Error(log)
	}
}

// TestTheFleetSaysWhichPermissionIsMissing: a request that the server drops has no answer, so the error names what it
// has said of it.
func TestTheFleetSaysWhichPermissionIsMissing(t *testing.T) {
	t.Parallel() // it waits for half a minute for answers that do not come
	srv := natstest.Start(t, natstest.Configured(t, `authorization { users: [
		{ user: none, password: p, permissions: {publish: ["x"], subscribe: ["_INBOX.>"]} } ] }`))
	e := environment{"NATS_URL": srv.URL(), "NATS_USER": "none", "NATS_PASSWORD": "p"}
	for args, want := range map[string]string{
		"fleet ls": `Publish to "$JS.API.STREAM.INFO.JETCAPTURE_FLEET"`,
		"run -s ORDERS --standby 2s --wait 1s -o " + t.TempDir(): `Publish to "$JS.API.STREAM.INFO.ORDERS"`,
	} {
		t.Run(strings.Fields(args)[0], func(t *testing.T) {
			t.Parallel()
			r := e.run(t, strings.Fields(args)...)
			last := r.stderr[strings.LastIndex(r.stderr, "jetcapture: "):]
			if r.code != exitFailed || !strings.Contains(last, "allow the user that") || !strings.Contains(last, want) {
				t.Errorf("%s: exit code %d, %s", args, r.code, last)
			}
		})
	}
}
