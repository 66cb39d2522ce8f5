// Package status is what operators see of captures, as one value: /status answers with it, the page and top draw it,
// and the command status prints it. It is made of the Stats of a running capture, or of an archive alone.
package status

import (
	"slices"
	"time"
)

// Process is what one process has to say, or what was found in some archives. As JSON it is for scripts: fields are
// added, never renamed.
type Process struct {
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Now      time.Time `json:"now"`
	Captures []Capture `json:"captures"`
	Fleet    *Fleet    `json:"fleet,omitempty"` // of a worker, and of a process that stands by
}

// Capture is the state of one capture. Times that are not known are null.
type Capture struct {
	Capture     string     `json:"capture"`
	Stream      string     `json:"stream"`
	Output      string     `json:"output"`
	Instance    string     `json:"instance,omitempty"`
	Incarnation string     `json:"incarnation,omitempty"` // only of an archive that was read
	State       string     `json:"state"`
	Since       *time.Time `json:"since"`
	Health      Health     `json:"health"`
	Problems    []string   `json:"problems"` // what an operator should mend, and how
	Notes       []string   `json:"notes"`    // what an operator should know
	Waiting     string     `json:"waiting"`  // for what; empty if it reads
	Next        string     `json:"next"`     // what comes next, in words; empty if that is not known
	WindowEnds  *time.Time `json:"next_window_close"`
	Source      Source     `json:"source"`
	Archive     Archive    `json:"archive"`
	Accounting  Accounting `json:"accounting"`
	Headroom    Headroom   `json:"headroom"`
	Resources   Resources  `json:"resources"`
	Storing     *Storing   `json:"storing"`
	LargestOpen []Open     `json:"largest_open"` // the largest first; null if the capture is too busy to say
	RecentCuts  []Cut      `json:"recent_cuts"`  // newest first
}

// Health is the health of a capture in one number.
type Health struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

// Code is a kind of health. Scripts know the numbers, so they stay.
type Code int

// The codes. Of several that apply, a capture has the one that is most urgent.
const (
	OK          Code = 0
	Starting    Code = 1 // reading has not begun
	CatchingUp  Code = 2 // the oldest message that is not stored is older than three windows
	SourceAway  Code = 3
	StoreAway   Code = 4
	Race        Code = 5 // the stream will soon drop what is not stored
	DamagedLog  Code = 7
	OtherStream Code = 8 // the stream of this name is not the one that was captured
	Losses      Code = 9 // messages were gone from the stream before they were stored
	Ended       Code = 10
	Failed      Code = 11
)

// String is the code in words.
func (c Code) String() string {
	switch c {
	case OK:
		return "ok"
	case Starting:
		return "starting"
	case CatchingUp:
		return "catching up"
	case SourceAway:
		return "source away"
	case StoreAway:
		return "store away"
	case Race:
		return "retention race"
	case DamagedLog:
		return "damaged log"
	case OtherStream:
		return "another stream"
	case Losses:
		return "losses recorded"
	case Ended:
		return "ended"
	case Failed:
		return "failed"
	}
	return "unknown"
}

// Urgency orders the codes: the lower it is, the sooner somebody has to look.
func (c Code) Urgency() int {
	order := []Code{
		Failed, DamagedLog, OtherStream, Race, StoreAway, SourceAway, CatchingUp, Losses, Starting, OK, Ended,
	}
	if i := slices.Index(order, c); i >= 0 {
		return i
	}
	return -1 // of a newer version
}

// Source is the stream.
type Source struct {
	Connected bool    `json:"connected"`
	Server    string  `json:"server"`
	FirstSeq  uint64  `json:"first_seq"`
	LastSeq   uint64  `json:"last_seq"`
	Messages  uint64  `json:"messages"`
	Bytes     uint64  `json:"bytes"`
	Retention string  `json:"retention"`
	MaxAge    float64 `json:"max_age_s"` // 0: no limit, as the next two
	MaxMsgs   int64   `json:"max_messages"`
	MaxBytes  int64   `json:"max_bytes"`
	Reader    string  `json:"reader"` // durable or ephemeral
	Consumer  string  `json:"consumer"`
	Lag       uint64  `json:"lag"`
	ReadSeq   uint64  `json:"read_seq"`
	Rate      float64 `json:"rate_msgs"` // messages a second that the stream takes
}

// Archive is where the archive is.
type Archive struct {
	Cut           uint64     `json:"cut"`
	CutTime       *time.Time `json:"cut_time"`
	StoredSeq     uint64     `json:"stored_seq"`
	StoredThrough *time.Time `json:"stored_through"`
	Freshness     *float64   `json:"freshness_s"` // null: not known without the server
	Window        float64    `json:"window_s"`
	OpenBlocks    int64      `json:"open_blocks"`
	LastError     string     `json:"last_error"`
	LastSuccess   *time.Time `json:"last_success"`
	Retries       int64      `json:"retries"`
}

// Accounting says what became of the sequences that this process has read.
type Accounting struct {
	Messages    int64            `json:"messages"`
	Bytes       int64            `json:"bytes"`
	Rows        int64            `json:"rows"`
	Files       int64            `json:"files"`
	FileBytes   int64            `json:"file_bytes"`
	Dead        int64            `json:"dead"`
	Skipped     int64            `json:"skipped"`
	Lost        map[string]int64 `json:"lost"`
	Absent      int64            `json:"absent"`
	Unwitnessed int64            `json:"unwitnessed"`
}

// Headroom is how many seconds remain until the stream drops a message; null if that is not in sight.
type Headroom struct {
	Unread   *float64 `json:"unread_s"`
	Unstored *float64 `json:"unstored_s"`
	Limit    string   `json:"limit"` // which limit of the stream comes first
}

// Resources are what open files take, in bytes.
type Resources struct {
	Memory      int64 `json:"memory"`
	MemoryLimit int64 `json:"memory_limit"`
	Spool       int64 `json:"spool"`
	SpoolLimit  int64 `json:"spool_limit"`
}

// Storing is how far the cut is that is being stored.
type Storing struct {
	Cut    uint64 `json:"cut"`
	Files  int    `json:"files"` // that are in the store
	Of     int    `json:"of"`
	Read   uint64 `json:"read"` // sequences that were read again, of a cut that was planned before
	ReadTo uint64 `json:"read_to"`
}

// Open is a file that is open.
type Open struct {
	Key      []string  `json:"key"`
	Dead     bool      `json:"dead"` // it takes dead letters
	Window   time.Time `json:"window"`
	Messages int64     `json:"messages"`
	Bytes    int64     `json:"bytes"` // before compression
}

// Cut is a complete cut.
type Cut struct {
	N        uint64    `json:"n"`
	Reason   string    `json:"reason"`
	From     uint64    `json:"from"`
	To       uint64    `json:"to"`
	Files    int       `json:"files"`
	Messages int64     `json:"messages"`
	Bytes    int64     `json:"bytes"`
	Took     float64   `json:"took_s"`
	At       time.Time `json:"at"`
}
