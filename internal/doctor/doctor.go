// Package doctor examines a capture before or beside its run: connection, permissions, stream, consumer, store, machine
// and archive. Each check says what it saw, why that matters and what mends it. Nothing is changed, but that a new
// archive gets the object of a probe if the user wants that.
package doctor

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/permission"
	"github.com/nats-io/nats.go"
)

// State is how a check ended.
type State string

// The states. Only a problem keeps a capture from its work.
const (
	OK      State = "ok"
	Note    State = "note"    // worth knowing; nothing to do
	Warning State = "warning" // the capture works, and not as well as it could
	Problem State = "problem" // the capture fails, or will lose messages
	Skipped State = "skipped" // could not be checked; Why says why
)

// Check is the outcome of a check. Its members in JSON are added, never renamed.
type Check struct {
	Number string `json:"number"` // N is for NATS, S for the store, L for this machine, X for the archive
	Name   string `json:"name"`
	State  State  `json:"state"`
	Seen   string `json:"seen"`
	Why    string `json:"why,omitempty"`  // why it matters
	Mend   string `json:"mend,omitempty"` // the command or the setting that mends it
}

// Config says what is examined: a capture as the options of the command say it.
type Config struct {
	// Connect opens the connection of the capture. Examine closes it.
	Connect func(options ...nats.Option) (nc *nats.Conn, apiPrefix string, err error)
	// Open opens the archive, with write to write to it: then a folder is made if it is missing. The error wraps
	// fs.ErrNotExist if a folder is missing. Examine closes it.
	Open func(ctx context.Context, write bool) (Store, error)
	// Decode makes rows of a message as the capture does, and throws them away. It returns the key. It is called from one
	// goroutine.
	Decode func(*nats.Msg) (key string, err error)

	Capture permission.Capture // stream, consumer, permissions
	Log     string             // name of the cut log, escaped
	Filter  []string           // subjects, sorted; empty means the whole stream
	New     bool               // a new capture begins with the next message

	Output string // the archive, as it may be shown
	Folder string // the archive, if it is a folder; empty: a store
	Write  bool   // a new archive may get the object of a probe

	MaxAge       time.Duration // length of a window
	MaxBytes     int64         // of a file; 0: no limit
	MemoryLimit  int64
	SpoolLimit   int64
	BufferToDisk bool
	TempDir      string
	Captures     int // of the process
}

// Store is an opened archive.
type Store interface {
	bucket.Bucket
	Close() error
}

// exam is one examination. It belongs to one goroutine.
type exam struct {
	Config
	checks []Check

	nats   natsFacts
	log    logFacts
	sample sampleFacts
}

// Examine makes all checks and returns them in the order of their numbers. It stops early when ctx ends.
func Examine(ctx context.Context, cfg Config) []Check {
	e := &exam{Config: cfg}
	connected := e.connect()
	if connected {
		defer e.nats.conn.Close()
	}
	if store := e.openStore(ctx); store != nil {
		defer func() { _ = store.Close() }() // it was read, or the probe has told
		e.checkStore(ctx, store)
	}
	if connected {
		e.checkPermissions(ctx)
		e.checkServer()
		if e.lookUpStream(ctx) {
			e.checkStream(ctx)
			e.checkConsumer(ctx)
			e.checkLimits(ctx)
			e.checkDecoder(ctx)
			e.checkSameStream()
			e.checkWriter(ctx)
		}
	}
	e.forecast()
	e.checkMachine()
	slices.SortStableFunc(e.checks, func(a, b Check) int { return byNumber(a.Number, b.Number) })
	return e.checks
}

// byNumber orders N1 before N2, and NATS before the store, this machine and the archive.
func byNumber(a, b string) int {
	const order = "NSLX"
	if d := strings.IndexByte(order, a[0]) - strings.IndexByte(order, b[0]); d != 0 {
		return d
	}
	return strings.Compare(a[1:], b[1:])
}

// Healthy reports whether no check found a problem.
func Healthy(checks []Check) bool {
	return !slices.ContainsFunc(checks, func(c Check) bool { return c.State == Problem })
}

func (e *exam) add(c Check) { e.checks = append(e.checks, c) }

func (e *exam) ok(number, name, seen string) {
	e.add(Check{Number: number, Name: name, State: OK, Seen: seen})
}

func (e *exam) note(number, name, seen, why string) {
	e.add(Check{Number: number, Name: name, State: Note, Seen: seen, Why: why})
}

func (e *exam) skip(number, name, seen, why string) {
	e.add(Check{Number: number, Name: name, State: Skipped, Seen: seen, Why: why})
}

func (e *exam) warn(number, name, seen, why, mend string) {
	e.add(Check{Number: number, Name: name, State: Warning, Seen: seen, Why: why, Mend: mend})
}

func (e *exam) problem(number, name, seen, why, mend string) {
	e.add(Check{Number: number, Name: name, State: Problem, Seen: seen, Why: why, Mend: mend})
}
