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
	r.printAccount()
	if !r.dryRun {
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
	for _, one := range []struct {
		n    uint64
		text string
	}{
		{a.Dead, "of them were dead letters, and come back as the messages that they were"},
		{a.Lost, "were lost before they were stored, and do not come back"},
		{a.Skipped, "were skipped when they were captured, and do not come back"},
		{a.Absent, "were not in the stream, or not matched by the capture's filter"},
		{r.left, "are in damaged files, and were left out"},
		{r.coarse, "have their times in microseconds, as their files do"},
	} {
		if one.n > 0 {
			say(r.stdout, "  %s %s\n", thousands(int64(one.n)), one.text)
		}
	}
	if r.elsewhere > 0 {
		say(r.stdout, "  %s of other lives of the stream, which was made again or rolled back, are left out: "+
			"jetcapture ls --cuts names the incarnations, --incarnation chooses one\n",
			counted(int64(r.elsewhere), "message"))
	}
	for _, d := range r.damaged {
		say(r.stdout, "  left out: %s\n", printable(d))
	}
	if !r.isWhole() {
		say(r.stdout, "  time and subject choose among them\n")
	}
}

// printResult prints what the server has now.
func (r *restorer) printResult() {
	took := time.Since(r.began)
	say(r.stdout, "stream %s has %s, sequences %s to %s, restored in %s (%s/s)\n", r.name,
		counted(int64(r.result.Stored), "message"), thousands(int64(r.result.StoredFirst)),
		thousands(int64(r.result.StoredLast)), took.Round(time.Millisecond),
		thousands(int64(float64(r.result.Messages)/took.Seconds())))
	switch {
	case r.verify:
		say(r.stdout, "  all of them were compared with the archive\n")
	default:
		say(r.stdout, "  %s of them, taken at random, were compared with the archive\n", thousands(int64(len(r.kept))))
	}
	if r.result.Stored < r.result.Messages {
		say(r.stdout, "  the server did not keep %s: their own time to live (Nats-TTL) was over\n",
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
		say(r.stdout, "  %s was %s: %s\n", c.Name, printable(string(c.Was)), printable(c.Why))
	}
	if command := editCommand(r.name, r.changes); command != "" {
		say(r.stdout, "when you have what you need of the old messages, set the limits again:\n  %s\n", command)
	}
}

// editCommand is the command that sets limits again; empty if there are none.
func editCommand(stream string, changes []restore.Change) string {
	var flags []string
	for _, c := range changes {
		if c.Later == "" {
			continue
		}
		value := string(c.Was)
		var nanos int64
		if c.Name == "max_age" && json.Unmarshal(c.Was, &nanos) == nil {
			value = formatDuration(time.Duration(nanos))
		}
		flags = append(flags, c.Later+"="+value)
	}
	if flags == nil {
		return ""
	}
	return "nats stream edit " + shellText(stream) + " " + strings.Join(flags, " ")
}
