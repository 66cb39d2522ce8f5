package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// TestEventsThatAreNotWritten: the file of events has reached the limit of the process, as on a full disk. The archive
// is whole, so the run is done; the summary says what the file lacks, and the next start brings it.
func TestEventsThatAreNotWritten(t *testing.T) {
	t.Parallel() // it waits for a run that waits for its events
	srv, nc := orders(t, "1", "2")
	folder, lines := t.TempDir(), filepath.Join(t.TempDir(), "events.ndjson")
	run := func(before string) (summary, string) {
		t.Helper()
		cmd := exec.Command("sh", "-c", before+`exec "$0" "$@"`, os.Args[0], "run", "-s", "ORDERS", "-o", folder,
			"--nats-server", srv.URL(), "--once", "--json", "--events-file", lines)
		cmd.Env = append(os.Environ(), asCommand+"=1")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, stderr.String())
		}
		var s summary
		if err := json.Unmarshal(out, &s); err != nil {
			t.Fatal(err)
		}
		return s, stderr.String()
	}
	if s, _ := run(""); s.Untold != nil {
		t.Errorf("with room there are %v events that are not told", s.Untold)
	}
	text, err := os.ReadFile(lines)
	must(t, err)
	other := strings.ReplaceAll(string(text), "ORDERS", "OTHER")
	must(t, os.WriteFile(lines, append([]byte(strings.Repeat(other, 1+200_000/len(other))), text...), 0o600))
	had := len(projected(t, folder, "ORDERS"))
	natstest.PublishN(t, nc, "orders.us", 2)
	s, log := run("ulimit -f 100; ") // 50 or 100 KiB
	more := len(projected(t, folder, "ORDERS")) - had
	if s.StoredSeq != 4 || more == 0 || s.Untold["file"] != int64(more) {
		t.Errorf("stored to %d, %v events are not told, want %d", s.StoredSeq, s.Untold, more)
	}
	if !strings.Contains(log, "not told to the file of events: the next start brings them") {
		t.Errorf("the summary does not say so:\n%s", log)
	}
	if s, _ := run(""); s.Untold != nil {
		t.Errorf("after the next start, %v events are not told", s.Untold)
	}
}
