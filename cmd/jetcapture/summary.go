package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture"
)

// summary is the result of one run of a capture. Its JSON is for scripts: fields are added, never renamed.
type summary struct {
	Stream      string           `json:"stream"`
	Capture     string           `json:"capture"`
	Output      string           `json:"output"`
	Messages    int64            `json:"messages"` // read
	Bytes       int64            `json:"bytes"`    // of their subjects, headers and payloads
	Rows        int64            `json:"rows"`
	DeadLetters int64            `json:"dead_letters"`
	Rescued     int64            `json:"rescued"` // rows with values that do not fit their columns
	Skipped     int64            `json:"skipped"`
	Lost        int64            `json:"lost"`
	LostBy      map[string]int64 `json:"lost_by,omitempty"` // by reason
	Absent      int64            `json:"absent"`
	AbsentBy    map[string]int64 `json:"absent_by,omitempty"` // by reason
	Files       int64            `json:"files"`
	FileBytes   int64            `json:"file_bytes"`
	Cuts        int64            `json:"cuts"`
	Reasons     map[string]int64 `json:"reasons"` // cuts by reason
	Redone      int64            `json:"redone"`  // cuts that an earlier or another run had planned

	// The archive accounts for the sequences after start_seq, up to stored_seq: each is stored, or counted as lost,
	// skipped or absent. 0: nothing is stored. Of these, the run has added those after resumed_seq. All three are of the
	// newest incarnation of the stream.
	StoredSeq    uint64 `json:"stored_seq"`
	StartSeq     uint64 `json:"start_seq"`
	ResumedSeq   uint64 `json:"resumed_seq"`
	Incarnations int64  `json:"incarnations"` // how often the stream was replaced or rolled back

	// Untold is how many events a sink lacks, at least; the sinks are stream, webhook and file. -1: it is not known.
	Untold map[string]int64 `json:"events_untold,omitempty"`

	Lag     uint64  `json:"lag"` // messages that the stream held beyond the last one read
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`

	began  time.Time
	ranged bool // the run ends at a sequence, and has read ahead of that: Lag is no use to people
}

// newSummary begins a summary: its time counts from now.
func newSummary(s *captureSettings, output string) *summary {
	return &summary{
		Stream: s.library.NATSStreamName, Capture: s.name(), Output: output, began: time.Now(), ranged: s.library.Until > 0,
	}
}

// finish copies the counters of the capture that has ended.
func (s *summary) finish(st jetcapture.Stats, err error) {
	s.Messages, s.Bytes, s.Rows = st.Messages, st.Bytes, st.Rows
	s.DeadLetters, s.Skipped, s.Lost, s.Absent = st.Dead, st.Skipped, st.Lost, st.Absent
	s.LostBy, s.AbsentBy = st.LostBy, st.AbsentBy
	s.Files, s.FileBytes, s.Cuts, s.Reasons, s.Redone = st.Blocks, st.BytesStored, st.Cuts, st.Reasons, st.Redone
	s.StartSeq, s.ResumedSeq, s.Incarnations, s.Lag = st.StartSeq, st.ResumedSeq, st.Incarnations, st.Lag
	if st.StoredSeq > st.StartSeq {
		s.StoredSeq = st.StoredSeq
	}
	s.Seconds = time.Since(s.began).Seconds()
	if s.Reasons == nil {
		s.Reasons = map[string]int64{}
	}
	if err != nil {
		s.Error = err.Error()
	}
}

// print writes the JSON to stdout if it is asked for, and the text to stderr, but not among JSON lines, and not if
// there is only an error to report.
func (s *summary) print(stdout, stderr io.Writer, set *reportSettings) error {
	if set.json {
		if err := json.NewEncoder(stdout).Encode(s); err != nil {
			return fmt.Errorf("print the summary: %w", err)
		}
	}
	if !set.logJSON && (s.Error == "" || s.Messages > 0) {
		s.text(stderr)
	}
	return nil
}

// text prints the summary for people.
func (s *summary) text(w io.Writer) {
	say(w, "%s of stream %s in %s (%s/s): %s in %s, %s, below %s\n",
		counted(s.Messages, "message"), s.Stream, formatDuration(roundDuration(s.Seconds)), thousands(s.rate()),
		counted(s.Rows, "row"), counted(s.Files, "file"), byteText(s.FileBytes), s.Output)
	for _, n := range []struct {
		count      int64
		what, more string
	}{
		{s.DeadLetters, "dead letter", ", kept below _deadletter"},
		{s.Rescued, "row", " with values that do not fit, in the column _rescued"},
		{s.Skipped, "message", " skipped"},
		{
			s.Lost, "message",
			" lost by the stream before " + oneOr(s.Lost, "it was", "they were") + " captured" + reasonText(s.LostBy),
		},
		{s.Redone, "cut", " finished that an earlier run had begun"},
	} {
		if n.count > 0 {
			say(w, "%s%s\n", counted(n.count, n.what), n.more)
		}
	}
	say(w, "%s%s: %s\n", counted(s.Cuts, "cut"), reasonText(s.Reasons), s.coverage())
	if s.StartSeq > 0 {
		say(w, "this life of the stream is captured from behind stream sequence %d on\n", s.StartSeq)
	}
	for _, sink := range slices.Sorted(maps.Keys(s.Untold)) {
		how := "events, how many is not known,"
		if n := s.Untold[sink]; n > 0 {
			how = counted(n, "event")
		}
		say(w, "%s not told to the %s of events: the next start brings them\n", how, sink)
	}
	if s.Lag > 0 && !s.ranged {
		say(w, "still in the stream: %s\n", counted(int64(s.Lag), "message"))
	}
}

// coverage says which sequences the run has added to the archive, and what of them is not stored.
func (s *summary) coverage() string {
	if s.StoredSeq <= s.ResumedSeq && s.Incarnations == 0 {
		return "nothing new is stored"
	}
	text := fmt.Sprintf("stream sequences %d to %d", s.ResumedSeq+1, s.StoredSeq)
	switch {
	case s.StoredSeq <= s.ResumedSeq:
		return "nothing new of the stream, which was replaced or restored"
	case s.Incarnations > 0:
		return text + " of the stream as it is now; ls lists what was stored before it was replaced"
	}
	var missing []string
	for _, n := range []struct {
		count int64
		what  string
	}{{s.Lost, "lost"}, {s.Skipped, "skipped"}, {s.Absent, "absent" + reasonText(s.AbsentBy)}} {
		if n.count > 0 {
			missing = append(missing, thousands(n.count)+" "+n.what)
		}
	}
	if len(missing) == 0 {
		return text + ", all of them stored"
	}
	return text + ", all of them stored but for " + strings.Join(missing, ", ")
}

func (s *summary) rate() int64 {
	if s.Seconds <= 0 {
		return 0
	}
	return int64(float64(s.Messages) / s.Seconds)
}

// roundDuration leaves out digits that say nothing to people.
func roundDuration(seconds float64) time.Duration {
	d := time.Duration(seconds * float64(time.Second))
	if d > time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(10 * time.Millisecond)
}

// reasonText lists numbers by reason.
func reasonText(reasons map[string]int64) string {
	if len(reasons) == 0 {
		return ""
	}
	var parts []string
	for _, r := range slices.Sorted(maps.Keys(reasons)) {
		parts = append(parts, thousands(reasons[r])+" "+r)
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
