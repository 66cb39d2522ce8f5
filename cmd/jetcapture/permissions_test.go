package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/permission"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestPermissions captures as the users in docs/COMMAND.md, who have the permissions that stand there and no other.
func TestPermissions(t *testing.T) {
	srv := natstest.Start(t, documentedUsers(t))
	admin := srv.Connect(nats.UserInfo("admin", "x"))
	natstest.CreateStream(t, admin, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	jobs := natstest.CreateStream(t, admin, jetstream.StreamConfig{
		Name: "JOBS", Subjects: []string{"jobs"}, Retention: jetstream.WorkQueuePolicy,
	})
	natstest.PublishN(t, admin, "orders.eu", 100)
	natstest.PublishN(t, admin, "jobs", 100)
	archiver := environment{"NATS_URL": srv.URL(), "NATS_USER": "archiver", "NATS_PASSWORD": "change-me"}
	worker := environment{"NATS_URL": srv.URL(), "NATS_USER": "jobs", "NATS_PASSWORD": "change-me"}

	for name, args := range map[string][]string{
		"all": nil, "of a subject": {"--filter-subject", "orders.eu"}, "since a time": {"--start", "2026-01-01T00:00:00Z"},
		"rehearsal": {"--dry-run"},
	} {
		folder := filepath.Join(t.TempDir(), "orders")
		archiver.quietly(t, name, append([]string{"run", "-s", "ORDERS", "-o", folder, "--once"}, args...)...)
		if name != "rehearsal" {
			archiver.quietly(t, "verify "+name, "verify", folder, "--against-stream")
		}
	}
	folder := filepath.Join(t.TempDir(), "jobs")
	worker.quietly(t, "work queue", "run", "-s", "JOBS", "-o", folder, "--once", "-c", "archive")
	worker.quietly(t, "verify work queue", "verify", folder, "--against-stream")
	info, err := jobs.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Msgs != 0 {
		t.Errorf("%d jobs are not acknowledged", info.State.Msgs)
	}
}

// quietly runs a command that must succeed without a warning.
func (e environment) quietly(t *testing.T, what string, args ...string) {
	t.Helper()
	r := e.run(t, args...)
	if r.code != exitDone || strings.Contains(r.stderr, "level=WARN") || strings.Contains(r.stderr, "level=ERROR") {
		t.Errorf("%s: exit code %d:\n%s", what, r.code, r.stderr)
	}
}

// documentedUsers configures a server as docs/COMMAND.md does, with an admin for the test beside these users.
func documentedUsers(t *testing.T) natstest.Option {
	t.Helper()
	doc, err := os.ReadFile("../../docs/COMMAND.md")
	if err != nil {
		t.Fatal(err)
	}
	conf := regexp.MustCompile("(?s)```conf\n(.*?)```").FindSubmatch(doc)
	if conf == nil {
		t.Fatal("docs/COMMAND.md has no configuration of a server")
	}
	return func(o *server.Options) {
		if err := o.ProcessConfigString(string(conf[1])); err != nil {
			t.Fatal(err)
		}
		o.Users = append(o.Users, &server.User{Username: "admin", Password: "x"})
	}
}

// TestDocumentedPermissions: the users in docs/COMMAND.md may do what doctor prints for them, and no more.
func TestDocumentedPermissions(t *testing.T) {
	var o server.Options
	documentedUsers(t)(&o)
	for _, u := range o.Users {
		var c permission.Capture
		switch u.Username {
		case "archiver":
			c = permission.Capture{Stream: "ORDERS", Ephemeral: "x", AnyInstance: true}
		case "jobs":
			c = permission.Capture{Stream: "JOBS", Durable: "archive", Create: true}
		default:
			continue
		}
		for _, list := range []struct {
			op         permission.Op
			documented []string
		}{
			{permission.Publish, u.Permissions.Publish.Allow},
			{permission.Subscribe, u.Permissions.Subscribe.Allow},
		} {
			want := permission.Subjects(c.Rules(), list.op)
			slices.Sort(want)
			if slices.Sort(list.documented); !slices.Equal(list.documented, want) {
				t.Errorf("%s of %s is documented as %q, want %q", list.op, u.Username, list.documented, want)
			}
		}
	}
}
