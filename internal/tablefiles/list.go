package tablefiles

import (
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Entry is a file as lists have it: one JSON object a line. Members are added, never renamed.
type Entry struct {
	Path    string        `json:"path"` // where readers find it
	Capture string        `json:"capture"`
	Cut     uint64        `json:"cut"`
	Day     string        `json:"day"` // of the cut, see DayAfter
	Key     []cutlog.Text `json:"key"`
	Window  time.Time     `json:"window"`
	End     *time.Time    `json:"window_end,omitempty"` // exclusive
	First   uint64        `json:"first"`
	Last    uint64        `json:"last"`
	Rows    int64         `json:"rows"` // as planned: fewer if messages were lost before the cut was finished
	Bytes   int64         `json:"bytes"`
	SHA256  string        `json:"sha256"`
}

// Entry returns the file as lists have it. place is what its name is appended to.
func (f File) Entry(place, day string) Entry {
	e := Entry{
		Path: place + "/" + f.Name, Capture: f.Capture, Cut: f.Cut, Day: day, Key: append([]cutlog.Text{}, f.Key...),
		Window: f.Window, First: f.Seqs.First(), Last: f.Seqs.Last(), Rows: f.Rows,
		Bytes: f.Stored.Size, SHA256: f.Stored.SHA256,
	}
	if !f.End.IsZero() {
		e.End = &f.End
	}
	return e
}

// DayAfter is the day of a cut: that of its plan, but never before the day of the cut before it. So days are a function
// of the log alone, and the cuts of a day are all there when one of a later day is.
func (cut Cut) DayAfter(before string) string {
	return max(before, cut.Plan.Time.UTC().Format(time.DateOnly))
}
