package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The answers of the server that are compared are JSON, which has no such subject.
func TestRestoreOfSubjectsThatAreNotUTF8(t *testing.T) {
	r := newRestoring(t)
	natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: "ODD", Subjects: []string{"odd.>"}})
	natstest.Publish(t, r.nc, 5, func(i int) *nats.Msg { return &nats.Msg{Subject: fmt.Sprintf("odd.\xff%d", i)} })
	captureStream(t, r.srv, "ODD", r.folder)
	for _, how := range [][]string{nil, {"--verify"}} {
		name := fmt.Sprint("COPY", len(how))
		got := r.run(append(how, "--capture", "ODD", "-s", name, "--subjects", name)...)
		wantReplay(t, got, exitDone, "compared with the archive")
	}
}

// A server refuses discard_new_per_subject without the limit that a restore lifts.
func TestRestoreOfAStreamThatDiscardsPerSubject(t *testing.T) {
	r := newRestoring(t)
	file := filepath.Join(t.TempDir(), "config.json")
	config := `{"subjects":["copy.>"],"max_msgs_per_subject":1,"discard":"new","discard_new_per_subject":true}`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	got := r.run("--stream-name", "COPY", "--stream-config", file)
	if got.code != exitDone || r.info("COPY").State.Msgs != 50 ||
		!strings.Contains(got.stdout, "nats stream edit COPY --max-msgs-per-subject=1 --discard-per-subject\n") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
}

// The files of a cut that was not finished may be there, and nobody knows whether they are whole.
func TestRestoreNamesACutThatWasNotFinished(t *testing.T) {
	r := newRestoring(t)
	r.publish(5)
	captureOnce(t, r.srv, r.folder, "--key", "subject[2]")
	if err := os.Remove(filepath.Join(r.folder, cutlog.DoneName("ORDERS", 3))); err != nil {
		t.Fatal(err)
	}
	wantReplay(t, r.run("-s", "COPY", "--subjects", "copy", "--dry-run"), exitDone,
		"not restored: cut 3, stream sequences 51 to 55, which the capture has not finished")
}
