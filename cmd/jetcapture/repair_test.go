package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// repair runs the command and returns its lines but the last ones, which are the summary of the verification.
func repair(t *testing.T, srv *natstest.Server, folder string) (r result, repairs []string) {
	t.Helper()
	r = environment{}.run(t, "repair", folder, "--nats-server", srv.URL())
	for line := range strings.Lines(r.stdout) {
		if strings.Contains(line, "repaired: ") {
			repairs = append(repairs, strings.TrimSpace(line))
		}
	}
	return r, repairs
}

// TestRepairMissing: files that are not there come back as they were, in every format, dead letters too.
func TestRepairMissing(t *testing.T) {
	folder, srv := ordersArchive(t)
	captureOnce(t, srv, folder, "--capture", "table", "--format", "parquet", "--column", "n:int64=json:n")
	captureOnce(t, srv, folder, "--capture", "avro", "--format", "avro")
	before := map[string]string{}
	for _, name := range filesBelow(t, folder, "") {
		if strings.HasPrefix(name, "_jetcapture") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		before[name] = string(data)
		remove(t, folder, name)
	}
	r, repairs := repair(t, srv, folder)
	if r.code != exitDone || len(repairs) != len(before) || !strings.Contains(r.stdout, "no problem, 0 notes") {
		t.Fatalf("exit code %d, %d files of %d: %s%s", r.code, len(repairs), len(before), r.stdout, r.stderr)
	}
	for name, want := range before {
		if data, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(data) != want {
			t.Errorf("%s has %d bytes, want the %d of before: %v", name, len(data), len(want), err)
		}
	}
	if r, repairs := repair(t, srv, folder); r.code != exitDone || len(repairs) > 0 {
		t.Errorf("a sound archive: exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if consumers := consumersOf(t, srv); consumers != 0 {
		t.Errorf("%d consumers are left", consumers)
	}
}

// TestRepairDamaged: a mended file stands beside a damaged one. It takes its place when that is moved away, also if the
// stream has lost the messages since.
func TestRepairDamaged(t *testing.T) {
	folder, srv := ordersArchive(t)
	damaged := filesBelow(t, folder, "n=5/")[0]
	flipByte(t, filepath.Join(folder, damaged))
	r, repairs := repair(t, srv, folder)
	mended := "_jetcapture/ORDERS/repair/" + filepath.Base(damaged)
	if r.code != exitDone || len(repairs) != 1 || repairs[0] != "repaired: "+damaged+", as "+mended {
		t.Fatalf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	r = environment{}.run(t, "verify", folder)
	if r.code != exitDone || !strings.Contains(r.stdout, "note: "+damaged+": repaired, cut 2 of capture ORDERS") ||
		!strings.Contains(r.stdout, "no problem, 1 note") {
		t.Errorf("verify: exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	r = environment{}.run(t, "ls", folder, "--capture", "ORDERS", "--seq", "5")
	if !strings.Contains(r.stdout, mended) {
		t.Errorf("ls: %s%s", r.stdout, r.stderr)
	}

	if got := readingRun(t, "get", folder, "5", "--capture", "ORDERS", "--format", "payload"); got != `{"n":5}` {
		t.Errorf("message 5 of the mended file: %s", got)
	}

	dropOrders(t, srv)
	remove(t, folder, damaged)
	if r, repairs = repair(t, srv, folder); r.code != exitDone || repairs[0] != "repaired: "+damaged {
		t.Errorf("with the damaged file moved away: exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if !strings.Contains(r.stdout, "no problem, 0 notes") {
		t.Errorf("verify in the end: %s", r.stdout)
	}
}

// TestRepairWithoutMessages: what the stream no longer has is said, and stays a problem.
func TestRepairWithoutMessages(t *testing.T) {
	folder, srv := ordersArchive(t)
	deleted := filesBelow(t, folder, "n=3/")[0]
	remove(t, folder, deleted)
	dropOrders(t, srv)
	r, repairs := repair(t, srv, folder)
	want := "not repaired: " + deleted + ": the stream no longer has 1 of its 1 messages (sequences 3 to 3)"
	if r.code != exitFailed || len(repairs) != 1 || repairs[0] != want {
		t.Errorf("exit code %d, want %q: %s%s", r.code, want, r.stdout, r.stderr)
	}
}

// dropOrders deletes all messages of the stream.
func dropOrders(t *testing.T, srv *natstest.Server) {
	t.Helper()
	if err := ordersStream(t, srv).Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func consumersOf(t *testing.T, srv *natstest.Server) int {
	t.Helper()
	info, err := ordersStream(t, srv).Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Consumers
}

func ordersStream(t *testing.T, srv *natstest.Server) jetstream.Stream {
	t.Helper()
	s, err := natstest.JetStream(t, srv.Connect()).Stream(t.Context(), "ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
