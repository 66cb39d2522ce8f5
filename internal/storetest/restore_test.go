package storetest_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/storetest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestRestoreFromStores captures a stream into each store in each format that holds whole messages, deletes it and
// restores it. Each message is what it was, byte for byte. S3 takes 300 ms for each request.
func TestRestoreFromStores(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jetcapture")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/jetcapture")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	for _, kind := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			var server *storetest.Server
			if kind == storetest.S3 {
				server, _ = storetest.StartBehind(t, kind, func(p *storetest.Proxy) { p.Latency = 300 * time.Millisecond })
			} else {
				server = storetest.Start(t, kind)
			}
			place, emulator, _ := strings.Cut(server.NewBucket(t), "#") // the command knows the emulator by a variable
			for _, form := range []string{"raw", "ndjson", "ndjson --record event", "avro", "parquet"} {
				restoreFrom(t, path, place, emulator, strings.Fields(form))
			}
		})
	}
}

// restoreFrom captures, deletes and restores one stream.
func restoreFrom(t *testing.T, command, place, emulator string, form []string) {
	t.Helper()
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: stream, Subjects: []string{"s.>"}})
	natstest.Publish(t, nc, 60, func(i int) *nats.Msg {
		m := &nats.Msg{Subject: fmt.Sprintf("s.%d", i%3), Data: []byte(strings.Repeat("x\n", i*i))}
		if i%2 == 0 {
			m.Header = nats.Header{"A": {"1", "", "1"}, "b": {"ü"}}
		}
		return m
	})
	run := func(args ...string) {
		t.Helper()
		env := []string{"NATS_URL=" + srv.URL()}
		if emulator != "" {
			env = append(env, "STORAGE_EMULATOR_HOST="+emulator)
		}
		c := crashtest.Start(t, command, env, args...)
		if code := c.Wait(); code != 0 {
			t.Fatalf("%v: exit code %d: %s", args, code, c.Log())
		}
	}
	name := strings.Join(form, "")
	run(append([]string{
		"run", "-s", stream, "--capture", name, "-o", place, "--once", "--key", "subject[2]", "--format",
	}, form...)...)
	was := crashtest.RawStream(t, nc, stream)
	if err := natstest.JetStream(t, nc).DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	run("restore", place, "--capture", name, "-s", stream, "--verify")
	crashtest.WantStream(t, nc, stream, was)
}
