package main

import (
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// replay runs jetcapture replay.
func (r *restoring) replay(args ...string) result {
	r.t.Helper()
	return environment{}.run(r.t, append([]string{"replay", r.folder, "--nats-server", r.srv.URL()}, args...)...)
}

// wantReplay wants an exit code and a part of what is printed.
func wantReplay(t *testing.T, got result, code int, part string) {
	t.Helper()
	if got.code != code || !strings.Contains(got.stdout+got.stderr, part) {
		t.Errorf("exit code %d, want %d and %q:\n%s%s", got.code, code, part, got.stdout, got.stderr)
	}
}

func TestReplay(t *testing.T) {
	r := newRestoring(t)
	natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: "TEST", Subjects: []string{"test.>"}})
	args := []string{"-s", "TEST", "--map", "orders.*=test.order.$1"}
	wantReplay(t, r.replay(append(args, "--dry-run")...), exitDone, "nothing was published (--dry-run)\n")
	wantReplay(t, r.replay(append(args, "--seq", "1..10", "--speed", "10000x")...), exitDone, "took 10 messages")
	wantReplay(t, r.replay(args...), exitDone, "of these, there from an earlier replay: 10")
	if n := r.info("TEST").State.Msgs; n != 50 {
		t.Errorf("%d messages, want 50", n)
	}
	for _, how := range [][]string{{}, {"--dry-run"}} { // nothing is published
		for want, args := range map[string][]string{
			"is the stream that was captured":              {"-s", "ORDERS"},
			"the server has no stream NONE: make it first": {"-s", "NONE", "--map", ">=x.>"},
		} {
			wantReplay(t, r.replay(append(args, how...)...), exitFailed, want)
		}
	}
	wantReplay(t, r.replay(append(args, "--dry-run", "--subject", "orders.1")...), exitDone,
		"the options choose among them")
	wantReplay(t, r.replay("-s", "A.B"), exitUsage, `"A.B" is not the name of a stream`)
	wantReplay(t, r.replay("--speed", "0x"), exitUsage, "neither max nor a factor")
	wantReplay(t, r.replay("-s", "X", "--keep-sequences", "--subject", "orders.1"), exitUsage, "--keep-sequences")
}

// TestReplayOfSubjectsThatAreNotTheStreams: the first answer of the server decides. Behind a refused message nothing is
// published.
func TestReplayOfSubjectsThatAreNotTheStreams(t *testing.T) {
	r := newRestoring(t)
	natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: "TEST", Subjects: []string{"test.>"}})
	warning := "warning: stream TEST takes test.>, and stream sequence 1 is published as "
	for _, tt := range []struct{ to, refused string }{
		{"orders.$1", "its subject is orders.0, and another stream takes that: give it a subject of the stream with --map"},
		{"away.$1", "its subject is away.0, and no stream takes that: give it a subject of the stream with --map"},
	} {
		args := []string{"-s", "TEST", "--map", "orders.*=" + tt.to}
		wantReplay(t, r.replay(append(args, "--dry-run")...), exitDone, warning)
		got := r.replay(args...)
		wantReplay(t, got, exitFailed, "sequence 1 was not published into stream TEST, which takes test.>: "+tt.refused)
	}
	if n := r.info("ORDERS").State.LastSeq; n != 50 {
		t.Errorf("stream ORDERS has %d messages, want 50", n)
	}
	if err := r.srv.Running().GlobalAccount().AddMapping("orders.*", "test.$1"); err != nil {
		t.Fatal(err)
	}
	wantReplay(t, r.replay("-s", "TEST"), exitDone, "stream TEST took 50 messages")
}

func TestReplayWithItsSequences(t *testing.T) {
	r := newRestoring(t)
	taken := "stream ORDERS of the server takes its subject orders.>: give the messages others with --map"
	wantReplay(t, r.replay("-s", "COPY", "--keep-sequences", "--dry-run"), exitFailed, taken)
	wantReplay(t, r.replay("-s", "COPY", "--keep-sequences"), exitFailed, taken)
	wantReplay(t, r.replay("-s", "COPY", "--keep-sequences", "--map", "orders.>=copy.>"), exitDone, "took 50 messages")
	if err := r.js.DeleteStream(t.Context(), "ORDERS"); err != nil {
		t.Fatal(err)
	}
	args := []string{"-s", "ORDERS", "--keep-sequences", "--seq"}
	wantReplay(t, r.replay(append(args, "5..20")...), exitDone, "took 16 messages")
	wantReplay(t, r.replay(append(args, "5..20")...), exitFailed, "sequences up to 20 already")
	wantReplay(t, r.replay(append(args, "5..25")...), exitFailed, "go on with --seq 21..25")
	wantReplay(t, r.replay(append(args, "21..")...), exitDone, "took 30 messages")
	if s := r.info("ORDERS").State; s.FirstSeq != 5 || s.LastSeq != 50 || s.Msgs != 46 {
		t.Errorf("%+v", s)
	}
}

func TestReplayOfGaps(t *testing.T) {
	r := newRestoring(t)
	s, err := r.js.Stream(t.Context(), "ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	r.publish(5)
	if err := s.DeleteMsg(t.Context(), 53); err != nil {
		t.Fatal(err)
	}
	captureOnce(t, r.srv, r.folder, "--key", "subject[2]")
	wantReplay(t, r.replay("-s", "COPY", "--keep-sequences"), exitFailed, "no message for 1 sequence between 1 and 55")
}

// TestReplayOfADamagedFile: no server takes back what was published, so a file is checked before its first message is.
func TestReplayOfADamagedFile(t *testing.T) {
	r := newRestoring(t, "--format", "raw", "--compression", "none")
	alterFirst(t, r.folder)
	natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: "TEST", Subjects: []string{"test.>"}})
	args := []string{"-s", "TEST", "--map", "orders.*=test.$1"}
	wantReplay(t, r.replay(append(args, "--dry-run")...), exitFailed, "SHA-256")
	wantReplay(t, r.replay(args...), exitFailed, "SHA-256")
	if n := r.info("TEST").State.Msgs; n != 0 {
		t.Errorf("%d messages were published", n)
	}
}
