package crashtest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	shortWindow  = 32 << 20 // bytes that are read and not stored, in the short form
	resumeWithin = time.Second
	resumeTries  = 3 // the best one counts: the machine may be busy
)

// TestResume kills the program with a large window in hand and starts it again. Reading starts within a second, no
// matter how much was in hand.
func TestResume(t *testing.T) {
	size := *large
	if size == 0 {
		size = shortWindow
	}
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "WINDOW"})
	const each = 16 << 10
	n := int(size / each)
	data := make([]byte, each)
	natstest.Publish(t, nc, n,
		func(i int) *nats.Msg { return &nats.Msg{Subject: fmt.Sprintf("window.%d", i%8), Data: data} })
	js := natstest.JetStream(t, nc)
	program := must(t, built.command)
	folder := t.TempDir()
	start := func(more ...string) *crashtest.Child {
		args := []string{
			"run", "-s", "WINDOW", "-o", folder, "--nats-server", srv.URL(), "--instance", "one", "--max-age", "24h", "--key",
			"subject[2]",
		}
		return crashtest.Start(t, program, []string{"TMPDIR=" + t.TempDir()}, append(args, more...)...)
	}
	child := start()
	natstest.Eventually(t, 10*crashtest.Patience, "window in hand", func() bool { return delivered(t.Context(), js) >= n })
	best := crashtest.Patience
	for range resumeTries {
		child.Kill()
		// to count only what the next one reads
		if err := js.DeleteConsumer(natstest.Context(t), "WINDOW", consumerOfOne); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		child = start()
		natstest.Eventually(t, crashtest.Patience, "message read", func() bool { return delivered(t.Context(), js) > 0 })
		best = min(best, time.Since(began))
	}
	child.Kill()
	t.Logf("with %d MiB in hand when it was killed, reading starts again after %v", size>>20, best)
	if best > resumeWithin {
		t.Errorf("reading starts after %v, want %v at most", best, resumeWithin)
	}
	last := start("--once")
	if code := last.Wait(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if a := crashtest.ReadArchive(t, folder, "WINDOW"); a.To() != uint64(n) {
		t.Errorf("stored up to %d of %d", a.To(), n)
	}
}

// consumerOfOne is the consumer of the instance "one".
const consumerOfOne = "jetcapture-WINDOW-one"

// delivered returns how many messages were delivered to the program; 0 while it has no consumer.
func delivered(ctx context.Context, js jetstream.JetStream) int {
	c, err := js.Consumer(ctx, "WINDOW", consumerOfOne)
	if err != nil {
		return 0
	}
	return int(c.CachedInfo().Delivered.Consumer)
}
