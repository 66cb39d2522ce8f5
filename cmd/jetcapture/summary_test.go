package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
)

// TestSummaryClaimsWhatIsStored: a beginning, losses, absent sequences and a store that was never reached show.
func TestSummaryClaimsWhatIsStored(t *testing.T) {
	for name, tt := range map[string]struct {
		stats     jetcapture.Stats
		storedSeq uint64
		want      string
	}{
		"never reached": {jetcapture.Stats{}, 0, "0 cuts: nothing new is stored\n"},
		"new": {
			jetcapture.Stats{StoredSeq: 9, StartSeq: 9, ResumedSeq: 9}, 0, "from behind stream sequence 9 on",
		},
		"whole": {jetcapture.Stats{StoredSeq: 9, ResumedSeq: 4}, 9, "sequences 5 to 9, all of them stored\n"},
		"holes": {
			jetcapture.Stats{
				StoredSeq: 9000, Lost: 2, Absent: 8000, AbsentBy: map[string]int64{"unknown": 1000, "filtered": 7000},
			},
			9000,
			"sequences 1 to 9000, all of them stored but for 2 lost, 8,000 absent (7,000 filtered, 1,000 unknown)\n",
		},
		"lag": {jetcapture.Stats{StoredSeq: 9, Lag: 1}, 9, "still in the stream: 1 message\n"},
		"replaced": {
			jetcapture.Stats{StoredSeq: 9, Incarnations: 1}, 9, "sequences 1 to 9 of the stream as it is now; ls lists",
		},
	} {
		s := summary{}
		s.finish(tt.stats, nil)
		var b bytes.Buffer
		s.text(&b)
		if s.StoredSeq != tt.storedSeq || !strings.Contains(b.String(), tt.want) {
			t.Errorf("%s: stored_seq %d, want %d, and %q in\n%s", name, s.StoredSeq, tt.storedSeq, tt.want, b.String())
		}
	}
}

// TestStartSaysWhereItGoesOn: and with which version, server and lag, and what has changed.
func TestStartSaysWhereItGoesOn(t *testing.T) {
	srv, nc := orders(t, `{"a":1}`, `{"a":2}`)
	folder := t.TempDir()
	first := captureOnce(t, srv, folder)
	for _, want := range []string{
		"msg=connected jetcapture=" + version, " server_version=2.",
		"msg=begins stream=ORDERS capture=ORDERS after_seq=0 cut=1 last_seq=2 behind=2",
		"stream sequences 1 to 2, all of them stored",
	} {
		if !strings.Contains(first.stderr, want) {
			t.Errorf("there is no %q in\n%s", want, first.stderr)
		}
	}
	if strings.Contains(first.stderr, "differs") {
		t.Errorf("nothing differs:\n%s", first.stderr)
	}
	natstest.PublishN(t, nc, "orders.x", 3)
	second := captureOnce(t, srv, folder, "--layout", "hive", "--key", "a=json:a", "--json", "--format", "parquet")
	for _, want := range []string{
		`msg="goes on behind what is stored" stream=ORDERS capture=ORDERS after_seq=2 cut=2 last_seq=5 behind=3`,
		"layout is hive, was default",
		"format is parquet, was ndjson", `keys is [\"a=json:a\"], was []`,
	} {
		if !strings.Contains(second.stderr, want) {
			t.Errorf("there is no %q in\n%s", want, second.stderr)
		}
	}
	var s summary
	if err := json.Unmarshal([]byte(second.stdout), &s); err != nil {
		t.Fatal(err)
	}
	if s.StoredSeq != 5 || s.ResumedSeq != 2 || s.StartSeq != 0 {
		t.Errorf("summary %s", second.stdout)
	}
	fresh := captureOnce(t, srv, t.TempDir(), "--start", "new", "--json")
	if !strings.Contains(fresh.stdout, `"stored_seq":0,"start_seq":5,`) || !strings.Contains(fresh.stderr, "nothing new") {
		t.Errorf("with --start new: %s%s", fresh.stdout, fresh.stderr)
	}
}
