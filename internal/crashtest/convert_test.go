package crashtest_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// TestConvertKilled kills conversions at every step of the protocol, for each step several times one after the other.
// The stream of the source was made again meanwhile. In the end the copy is sound and equals its source.
func TestConvertKilled(t *testing.T) {
	t.Parallel()
	srv := natstest.Start(t)
	nc := srv.Connect()
	source := t.TempDir()
	run := func(config map[string]any) *crashtest.Child {
		config["URL"], config["Stream"] = srv.URL(), "KILLED"
		text, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		return crashtest.Start(t, must(t, built.child), []string{"JETCAPTURE_CRASH_CHILD=" + string(text)},
			"-test.run=^TestCrashChild$")
	}
	for range 2 {
		_ = natstest.JetStream(t, nc).DeleteStream(t.Context(), "KILLED") // there is none at first
		natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "KILLED", Subjects: []string{"killed.>"}})
		for key := range 3 {
			natstest.PublishN(t, nc, fmt.Sprint("killed.", key), 20)
		}
		child := run(map[string]any{"Folder": source, "Instance": "one", "MaxMessages": 4})
		if code := child.Wait(); code != 0 {
			t.Fatalf("the capture ended with code %d", code)
		}
	}
	for _, arrow := range []string{
		engine.BeforePlan, engine.AfterPlan, engine.AfterFormat, engine.AfterFile, engine.AfterFiles, engine.AfterDone,
	} {
		copied := t.TempDir()
		convert := func(occurrence int) *crashtest.Child {
			child := run(map[string]any{
				"From": source, "Folder": copied, "Instance": "two", "MaxMessages": 7, "Arrow": arrow, "Occurrence": occurrence,
			})
			if code := child.Wait(); code != 0 && !child.Killed() {
				t.Fatalf("killed at %s %d: it ended with code %d", arrow, occurrence, code)
			}
			return child
		}
		if !convert(1).Killed() {
			t.Errorf("no conversion was killed at %s", arrow)
		}
		for _, occurrence := range []int{1, 2, 3, 0} { // the last one lives
			convert(occurrence)
		}
		wantConverted(t, copied, source)
	}
}

// wantConverted checks that a copy is sound, holds all that its source holds, and as often.
func wantConverted(t *testing.T, copied, source string) {
	t.Helper()
	open := func(folder string) (*archive.Archive, *archive.Capture) {
		dir, err := bucket.OpenDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = dir.Close() })
		a := archive.Open(dir)
		c, err := a.Capture("KILLED")
		if err != nil {
			t.Fatal(err)
		}
		return a, c
	}
	a, capture := open(copied)
	_, from := open(source)
	report, err := a.Verify(t.Context(), archive.VerifyOptions{
		Against: archive.Against(from), Found: func(f archive.Finding) { t.Logf("%+v", f) },
	})
	if err != nil || !report.OK() || report.Compared != 120 {
		t.Errorf("verify: %v, %+v; want 120 messages compared", err, report)
	}
	got, err := capture.Account(t.Context(), archive.ReadOptions{})
	if err != nil || got.Messages != 120 || got.Incarnations != 2 {
		t.Errorf("the copy has %+v (%v), want 120 messages in 2 incarnations", got, err)
	}
}
