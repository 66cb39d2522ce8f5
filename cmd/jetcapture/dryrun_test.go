package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// dryArgs are those of a table by region.
func dryArgs(srv *natstest.Server, folder string, more ...string) []string {
	return append([]string{
		"run", "--dry-run", "--nats-server", srv.URL(), "-s", "ORDERS", "-o", folder, "--key", "region=json:region",
		"--format", "parquet", "--column", "id:int64=json:id",
	}, more...)
}

// A source that no message has, and a stream whose messages a run deletes, are worth a warning.
func TestDryRunWarns(t *testing.T) {
	srv, _ := orders(t, `{"id":1}`, `{"id":2}`)
	js := natstest.JetStream(t, srv.Connect())
	natstest.CreateStream(t, srv.Connect(), jetstream.StreamConfig{
		Name: "JOBS", Subjects: []string{"jobs"}, Retention: jetstream.WorkQueuePolicy,
	})
	if _, err := js.Publish(t.Context(), "jobs", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"Warning: json:idd has a value in none of the messages": {
			"-s", "ORDERS", "--format", "csv", "--column", "id=json:id", "--column", "x=json:idd",
		},
		"Warning: stream JOBS is a work queue: a run acknowledges what it has stored": {"-s", "JOBS", "-c", "archive"},
	} {
		args := append([]string{"run", "--dry-run", "--nats-server", srv.URL(), "-o", t.TempDir()}, args...)
		r := environment{}.run(t, args...)
		if r.code != exitDone || strings.Count(r.stdout, "Warning") != 1 || !strings.Contains(r.stdout, want) {
			t.Errorf("exit code %d, want %q:\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
}

func TestDryRun(t *testing.T) {
	srv, _ := orders(t, `{"id":1,"region":"eu"}`, `{"id":"x","region":"us"}`, `{"id":3,"region":{}}`)
	folder := filepath.Join(t.TempDir(), "never")
	r := environment{}.run(t, dryArgs(srv, folder, "--json")...)
	if r.code != exitDone {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	var got rehearsal
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatal(err)
	}
	wantEqual := func(what string, got, want any) {
		t.Helper()
		if g, w := asJSON(t, got), asJSON(t, want); g != w {
			t.Errorf("%s: %s, want %s", what, g, w)
		}
	}
	wantEqual("messages", got.Messages, 3)
	wantEqual("keys", got.Keys, []string{"region=json:region"})
	wantEqual("columns", got.Columns, []string{"id int64", "_rescued string"})
	wantEqual("rows", got.Rows, []dryRow{{1, "1,"}})
	wantEqual("misfits", got.Misfits, []dryRow{{2, `,"{""id"":{""reason"":""it is no number"",""value"":""x""}}"`}})
	wantEqual("rescued", got.Rescued, 1)
	var paths []string
	for _, f := range got.Files {
		top, _, _ := strings.Cut(f.Path, "/")
		paths = append(paths, top)
	}
	slices.Sort(paths)
	wantEqual("files", paths, []string{"_deadletter", "region=eu", "region=us"})
	if len(got.Poison) != 1 || got.Poison[0].Seq != 3 || got.Poison[0].Error == "" {
		t.Errorf("poison: %+v", got.Poison)
	}
	wantEqual("policy", got.Policy, "dead-letter")

	r = environment{}.run(t, dryArgs(srv, folder)...)
	for _, want := range []string{
		"nothing was stored", "region=eu/", "id,_rescued\n", "  1,\n", "sequence 3, orders.3: key region",
	} {
		if r.code != exitDone || !strings.Contains(r.stdout, want) {
			t.Errorf("exit code %d, no %q in\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("the output exists: %v", err)
	}
}

// TestDryRunOfAWorkQueue: also there, no message is taken and no consumer stays behind.
func TestDryRunOfAWorkQueue(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	stream := natstest.CreateStream(t, nc, jetstream.StreamConfig{
		Name: "ORDERS", Subjects: []string{"orders.>"}, Retention: jetstream.WorkQueuePolicy,
	})
	natstest.PublishN(t, nc, "orders.new", 1500)
	folder := filepath.Join(t.TempDir(), "never")
	r := environment{}.run(t, "run", "--dry-run", "--json", "--nats-server", srv.URL(), "-s", "ORDERS", "-o", folder,
		"-c", "archive", "--on-poison", "fail")
	var got rehearsal
	if err := json.Unmarshal([]byte(r.stdout), &got); r.code != exitDone || err != nil {
		t.Fatalf("exit code %d, %v: %s", r.code, err, r.stderr)
	}
	if got.Messages != dryMessages || got.Last != dryMessages || got.More != 500 || len(got.Rows) != dryRows {
		t.Errorf("got %+v", got)
	}
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Consumers != 0 || info.State.Msgs != 1500 {
		t.Errorf("%d consumers and %d messages are left", info.State.Consumers, info.State.Msgs)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
