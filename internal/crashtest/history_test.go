package crashtest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// TestDeepHistoryInACluster restores a stream of which three servers hold only the newer half as a mirror of it, while
// leaders step down and servers are killed. Nothing is missing, nothing is there twice, sequences and times are equal,
// and the mirror can be promoted.
func TestDeepHistoryInACluster(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(*fromSeed, 4))
	c := natstest.StartCluster(t, 3)
	nc := c.Connect()
	js := natstest.JetStream(t, nc)
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORIGIN", Replicas: 3})
	natstest.PublishN(t, nc, "origin.old", 500)
	folder := t.TempDir()
	command := func(args ...string) *crashtest.Child {
		return crashtest.Start(t, must(t, built.command), []string{"NATS_URL=" + c.URL()}, args...)
	}
	if run := command("run", "--stream-name", "ORIGIN", "--output", folder, "--once"); run.Wait() != 0 {
		t.Fatal("the capture has failed")
	}
	want := crashtest.RawStream(t, nc, "ORIGIN")
	origin, err := js.Stream(t.Context(), "ORIGIN")
	if err != nil {
		t.Fatal(err)
	}
	if err := origin.Purge(t.Context(), jetstream.WithPurgeSequence(300)); err != nil {
		t.Fatal(err)
	}
	load := crashtest.StartLoad(t, c.Connect(), 100, func(int) string { return "origin.new" })
	trouble := func(stream string) {
		switch r.IntN(3) {
		case 0:
			natstest.StepDownStream(t, nc, "ORIGIN")
		case 1:
			natstest.StepDownStream(t, nc, stream)
		default:
			s := c.Servers[r.IntN(len(c.Servers))]
			s.Stop()
			<-time.After(time.Duration(r.IntN(500)) * time.Millisecond)
			s.Restart()
		}
	}
	natstest.Eventually(t, crashtest.Patience, "restored mirror", func() bool {
		restore := command("restore", folder, "--stream-name", "DEEP", "--as-mirror-of", "ORIGIN", "--replicas", "3")
		trouble("ORIGIN")
		return restore.Wait() == 0 || strings.Contains(restore.Log(), "an earlier restore of this archive has made it")
	})
	for range 8 {
		trouble("DEEP")
		last := uint64(0)
		natstest.Eventually(t, crashtest.Patience, "the mirror goes on", func() bool {
			s, err := js.Stream(t.Context(), "DEEP") // nobody answers while a leader is elected
			if err == nil && last == 0 {
				last = s.CachedInfo().State.LastSeq
			}
			return err == nil && s.CachedInfo().State.LastSeq > last
		})
	}
	all := load.Stop()
	last := all[len(all)-1].Seq
	natstest.Eventually(t, crashtest.Patience, "the mirror has all", func() bool {
		s, err := js.Stream(t.Context(), "DEEP")
		return err == nil && s.CachedInfo().State.LastSeq == last
	})
	maps.Copy(want, crashtest.RawStream(t, nc, "ORIGIN"))
	crashtest.WantStream(t, nc, "DEEP", want)

	deep, err := js.Stream(t.Context(), "DEEP")
	if err != nil {
		t.Fatal(err)
	}
	promoted := deep.CachedInfo().Config
	promoted.Mirror, promoted.Subjects = nil, []string{"deep.>"}
	if _, err := js.UpdateStream(t.Context(), promoted); err != nil {
		t.Fatal(err)
	}
	if ack, err := js.Publish(t.Context(), "deep.next", nil); err != nil || ack.Sequence != last+1 {
		t.Errorf("the next message of the promoted mirror is %v (%v), want %d", ack, err, last+1)
	}
	t.Log(fmt.Sprint(len(want), " messages"))
}
