// Package events tells others what a capture has stored, as CloudEvents: to a stream of NATS, to a webhook, to a file.
// The events are a projection of the cut log: the same log gives the same events with the same ids, in whatever process
// and however often. So nothing has to be remembered but the last event that a sink has got, which the sink knows.
package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Type is the type of an event, without its prefix.
type Type string

// The types.
const (
	BlockStored    Type = "block.stored"
	CutDone        Type = "cut.done"
	WindowComplete Type = "window.complete"
	WindowReopened Type = "window.reopened"
	SequencesLost  Type = "sequences.lost"
	RetentionRace  Type = "retention.race"
	StreamChanged  Type = "stream.changed"
	Started        Type = "capture.started"
	Stopped        Type = "capture.stopped"
)

// Types returns all types.
func Types() []Type {
	return []Type{
		BlockStored, CutDone, WindowComplete, WindowReopened, SequencesLost, RetentionRace, StreamChanged, Started, Stopped,
	}
}

// typePrefix is that of the types of CloudEvents.
const typePrefix = "io.jetcapture."

// Position is the place of an event among those of a capture. The zero value is before the first one.
type Position struct {
	N uint64 // cut
	K int    // event of the cut, from 0
	// Through is up to where windows were complete before the cut: see Projection.
	Through time.Time
}

// after reports whether p comes after q.
func (p Position) after(q Position) bool { return p.N > q.N || p.N == q.N && p.K > q.K }

// Event is one CloudEvent.
type Event struct {
	Position

	ID      string // the same whenever the event is made
	Type    Type
	Source  string
	Subject string // what it is about, within the capture
	Time    time.Time
	Data    any
}

// structured is an event in the structured mode of CloudEvents, in one JSON object. The members behind data are
// extensions.
type structured struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Subject     string    `json:"subject,omitempty"`
	Time        time.Time `json:"time"`
	ContentType string    `json:"datacontenttype"`
	Data        any       `json:"data"`

	Position string `json:"jcposition"`
}

// sourceOf is the source of the events of a capture, whose name is escaped.
func sourceOf(capture string) string { return "/jetcapture/" + capture }

const contentType = "application/json"

// MarshalJSON makes the structured form.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(structured{
		SpecVersion: "1.0", ID: e.ID, Source: e.Source, Type: typePrefix + string(e.Type), Subject: e.Subject, Time: e.Time,
		ContentType: contentType, Data: e.Data, Position: e.Position.String(),
	})
}

// String is the position as an attribute of an event; parsePosition reads it.
func (p Position) String() string {
	return fmt.Sprintf("%d/%d/%s", p.N, p.K, p.Through.UTC().Format(time.RFC3339Nano))
}

func parsePosition(text string) (p Position, err error) {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) != 3 {
		return p, fmt.Errorf("%q is not the position of an event", text)
	}
	if p.N, err = strconv.ParseUint(parts[0], 10, 64); err == nil {
		if p.K, err = strconv.Atoi(parts[1]); err == nil {
			p.Through, err = time.Parse(time.RFC3339Nano, parts[2])
		}
	}
	if err != nil {
		return Position{}, fmt.Errorf("%q is not the position of an event: %w", text, err)
	}
	return p, nil
}

// The data of events. Members are added, never renamed.

// Block is the data of BlockStored.
type Block struct {
	Capture     string        `json:"capture"`
	Incarnation string        `json:"incarnation"`
	Cut         uint64        `json:"cut"`
	Name        string        `json:"name"` // in the archive
	URL         string        `json:"url"`
	Kind        cutlog.Kind   `json:"kind"`
	Key         []cutlog.Text `json:"key"`
	Window      Span          `json:"window"`
	Size        int64         `json:"size"`
	SHA256      string        `json:"sha256"`
	Messages    int64         `json:"messages"`
	Rows        int64         `json:"rows"`
	FirstSeq    uint64        `json:"first_seq"`
	LastSeq     uint64        `json:"last_seq"`
}

// Cut is the data of CutDone.
type Cut struct {
	Capture     string        `json:"capture"`
	Incarnation string        `json:"incarnation"`
	Cut         uint64        `json:"cut"`
	Reason      cutlog.Reason `json:"reason"`
	From        uint64        `json:"from"` // stream sequence, exclusive
	To          uint64        `json:"to"`
	Files       int           `json:"files"`
	Messages    int64         `json:"messages"`
	Bytes       int64         `json:"bytes"`
	Absent      uint64        `json:"absent"`
	Writer      cutlog.Writer `json:"writer"`
}

// Span is a time, from Start to before End.
type Span struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Windows is the data of WindowComplete and WindowReopened.
type Windows struct {
	Capture     string    `json:"capture"`
	Incarnation string    `json:"incarnation"`
	Cut         uint64    `json:"cut"`
	Window      Span      `json:"window"`
	Watermark   time.Time `json:"watermark"` // every window that ends by then is complete
	// Of a window that was reopened: how many files of the cut it has got, and the messages in them. The events of these
	// files follow.
	Files    int   `json:"files,omitempty"`
	Messages int64 `json:"messages,omitempty"`
}

// Lost is the data of SequencesLost.
type Lost struct {
	Capture     string            `json:"capture"`
	Incarnation string            `json:"incarnation"`
	Cut         uint64            `json:"cut"`
	Reason      cutlog.LostReason `json:"reason"`
	Sequences   uint64            `json:"sequences"`
	FirstSeq    uint64            `json:"first_seq"`
	LastSeq     uint64            `json:"last_seq"`
}

// Race is the data of RetentionRace. How long the messages had left is not in the log, so it is not told.
type Race struct {
	Capture     string `json:"capture"`
	Incarnation string `json:"incarnation"`
	Cut         uint64 `json:"cut"`
	From        uint64 `json:"from"` // stream sequence, exclusive
	To          uint64 `json:"to"`
}

// Life is the data of StreamChanged.
type Life struct {
	Capture     string       `json:"capture"`
	Incarnation string       `json:"incarnation"` // the new one
	Cut         uint64       `json:"cut"`
	Stream      string       `json:"stream"`
	Created     time.Time    `json:"created"`
	Cause       cutlog.Cause `json:"cause"`
}

// Process is the data of Started and Stopped.
type Process struct {
	Capture string        `json:"capture"`
	Cut     uint64        `json:"cut"`
	Writer  cutlog.Writer `json:"writer"`
}
