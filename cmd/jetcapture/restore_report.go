package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/restore"
)

// report prints what was restored, or with --dry-run what would be.
func (r *restorer) report() error {
	if r.json {
		return json.NewEncoder(printableJSON{r.stdout}).Encode(r.object())
	}
	r.show("")
	if r.dryRun {
		r.printAccount()
	} else {
		r.printResult()
	}
	r.printChanges()
	return nil
}

func (r *restorer) object() restoreReport {
	a := &r.account
	o := restoreReport{
		Capture: r.from.Name(), Stream: r.name, Restored: !r.dryRun, From: a.First, To: a.Last, Messages: a.Messages + a.Dead,
		DeadLetters: a.Dead, Skipped: a.Skipped, Lost: a.Lost, Absent: a.Absent, Damaged: r.left,
		Rounded: r.coarse, Files: a.Files, FileBytes: a.Bytes, Changed: map[string]json.RawMessage{},
	}
	for _, c := range r.changes {
		o.Changed[c.Name] = c.Was
	}
	if !r.dryRun {
		o.Messages, o.Stored, o.Seconds = r.result.Messages, r.result.Stored, time.Since(r.began).Seconds()
	}
	return o
}

// printAccount prints what the archive has of the range.
func (r *restorer) printAccount() {
	a := &r.account
	say(r.stdout, "capture %s has stream sequences %s to %s: %s in %s (%s)\n", r.from.Name(), thousands(int64(a.First)),
		thousands(int64(a.Last)), counted(int64(a.Messages+a.Dead), "message"), counted(a.Files, "file"), byteText(a.Bytes))
	r.printNumbers(
		number{a.Dead, "dead letters, restored as the messages that they were"},
		number{a.Lost, "lost before they were stored, not restored"},
		number{a.Skipped, "skipped when they were captured, not restored"},
		number{a.Absent, "absent (filtered, never-existed or unknown): no messages of the capture"},
	)
	if r.elsewhere > 0 {
		say(r.stdout, "  left out: %s of other lives of the stream, which was made again or rolled back; "+
			"jetcapture ls --cuts names the incarnations, --incarnation chooses one\n",
			counted(int64(r.elsewhere), "message"))
	}
	if p := r.pending; p != nil {
		say(r.stdout, "  not restored: cut %d, stream sequences %s to %s, which the capture has not finished; "+
			"while the stream exists, jetcapture run does\n", p.N, thousands(int64(p.Plan.From+1)), thousands(int64(p.Plan.To)))
	}
	if !r.isWhole() {
		say(r.stdout, "  time and subject choose among them\n")
	}
}

// number counts messages, which the text describes.
type number struct {
	n    uint64
	text string
}

// printNumbers prints those that are not zero.
func (r *restorer) printNumbers(all ...number) {
	for _, one := range all {
		if one.n > 0 {
			say(r.stdout, "  %s: %s\n", one.text, thousands(int64(one.n)))
		}
	}
}

// printResult prints what the server has now.
func (r *restorer) printResult() {
	took := time.Since(r.began)
	r.printNumbers(
		number{r.left, "left out, in damaged files"},
		number{r.coarse, "with times in microseconds, as in their files"},
	)
	for _, d := range r.damaged {
		say(r.stdout, "  left out: %s\n", printable(d))
	}
	say(r.stdout, "stream %s has %s, sequences %s to %s, restored in %s (%s/s)\n", r.name,
		counted(int64(r.result.Stored), "message"), thousands(int64(r.result.StoredFirst)),
		thousands(int64(r.result.StoredLast)), took.Round(time.Millisecond),
		thousands(int64(float64(r.result.Messages)/took.Seconds())))
	switch {
	case r.verify:
		say(r.stdout, "  all of them were compared with the archive\n")
	default:
		say(r.stdout, "  compared with the archive: %s, taken at random\n", counted(int64(len(r.kept)), "message"))
	}
	if r.result.Stored < r.result.Messages {
		say(r.stdout, "  the server did not keep %s, whose own time to live (Nats-TTL) was over\n",
			counted(int64(r.result.Messages-r.result.Stored), "message"))
	}
}

// printChanges prints how the stream differs from the one that was captured, and what to do about it.
func (r *restorer) printChanges() {
	if len(r.changes) == 0 {
		return
	}
	say(r.stdout, "its configuration differs from the recorded one:\n")
	for _, c := range r.changes {
		say(r.stdout, "  %s was %s: %s\n", c.Name, wasText(c), printable(c.Why))
	}
	if command := editCommand(r.name, r.changes); command != "" {
		say(r.stdout, "when you have what you need of the old messages, set the limits again:\n  %s\n", command)
	}
}

// wasText is the value of a configuration that was changed, a duration as the nats command reads it.
func wasText(c restore.Change) string {
	var nanos int64
	if c.Name == "max_age" && json.Unmarshal(c.Was, &nanos) == nil {
		return formatDuration(time.Duration(nanos))
	}
	return printable(string(c.Was))
}

// editCommand is the command that sets limits again; empty if there are none.
func editCommand(stream string, changes []restore.Change) string {
	var flags []string
	for _, c := range changes {
		switch was := wasText(c); {
		case c.Later == "":
		case was == "true":
			flags = append(flags, c.Later)
		default:
			flags = append(flags, c.Later+"="+was)
		}
	}
	if flags == nil {
		return ""
	}
	return "nats stream edit " + shellText(stream) + " " + strings.Join(flags, " ")
}
