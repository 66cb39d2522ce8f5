package archive

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/rowcount"
)

// VerifyOptions say how an archive is verified. The zero value checks everything that can be checked without the stream.
type VerifyOptions struct {
	// Found is called with each finding, one at a time, from goroutines of Verify. Zero: findings are only counted.
	Found func(Finding)
	// Progress is called now and then, one call at a time, from goroutines of Verify. Zero: never.
	Progress func(Progress)
	// Capture restricts the verification to one capture and the files that bear its name. Zero: all captures and all files.
	Capture string
	// Quick leaves the contents of the files alone: only that they are there, with the right size.
	Quick bool
	// Against opens the stream that a capture is bound to, to compare what it still holds with the files. It returns nil for one that is
	// not to be compared. Zero: none is.
	Against func(ctx context.Context, f cutlog.Format) (Stream, error)
	// Workers is how many files are read at the same time. Zero: one for each processor.
	Workers int
	// UnpackLimit is how many bytes a file may unpack to even if that is over 1000 times its size. Zero: 4 GiB.
	UnpackLimit int64

	maxNames, maxChunk int // for tests; zero: the defaults
}

// The defaults of VerifyOptions, and limits that are none of the caller's business.
const (
	defaultUnpackLimit = 4 << 30
	defaultMaxNames    = 4 << 20 // names of files that are remembered at a time, 8 bytes each
	defaultMaxChunk    = 1 << 20 // messages of the stream that are remembered at a time, 25 bytes each
	maxUnreadable      = 100     // objects in a row
)

func (o VerifyOptions) withDefaults() VerifyOptions {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.UnpackLimit <= 0 {
		o.UnpackLimit = defaultUnpackLimit
	}
	if o.maxNames <= 0 {
		o.maxNames = defaultMaxNames
	}
	if o.maxChunk <= 0 {
		o.maxChunk = defaultMaxChunk
	}
	return o
}

// Progress is how far a verification has come.
type Progress struct {
	Capture   string // at which it is; empty while files are listed
	Cut, Last uint64 // number of the cut at which it is, and of the last one
	Files     int64  // read
	Bytes     int64  // read
	Compared  int64  // messages compared with a stream
	Listed    int64  // files listed
	Problems  int64  // found
}

// Report is what a verification has covered and found.
type Report struct {
	Captures int64
	Cuts     int64 // with a plan that could be read
	Finished int64 // of them
	Counts         // of their plans and done records
	Read     int64 // files that were there and could be read
	Size     int64 // bytes of them
	RowsRead int64 // rows that were counted in them
	Listed   int64 // files in the archive, dead letters included
	Later    int64 // files of cuts that were made meanwhile, not looked at
	Foreign  int64 // files that no reader takes for data: a part of their name begins with "_" or "."

	Compared   int64 // messages that the stream still holds and that were compared
	Uncompared int64 // messages that the stream still holds and that could not be compared, as their format does not allow it

	Problems int64
	Notes    int64
}

// OK reports whether there is no problem.
func (r Report) OK() bool { return r.Problems == 0 }

// Verify checks the archive: every record by its own sum, the chain that they make, their accounting, and every planned file, which must be
// there with the size and the sum that its done record says, unpack, and hold as many rows as planned where the format is known; that
// there is no file of data beside them; and, with Against, that files and stream hold the same messages.
//
// A capture may go on meanwhile: what comes later is not looked at, and is no problem. The newest cut may be one that is still to be
// finished, which is a note.
//
// An error means that the verification could not be carried out to its end, as the store cannot be listed or gives nothing any more, the
// stream does not answer, or ctx has ended. What is wrong with the archive is no error but a finding. The report covers what was done.
func (a *Archive) Verify(ctx context.Context, opts VerifyOptions) (Report, error) {
	v := &verifier{archive: a, opts: opts.withDefaults(), codecs: map[string]*codec.Codec{}, logs: map[string]*logCheck{}}
	v.names = newNameSet(v.opts.maxNames)
	v.buffers.New = func() any {
		buf := make([]byte, rowcount.BufferSize)
		return &buf
	}
	err := v.run(ctx)
	return v.report, err
}

// verifier is one run of Verify.
type verifier struct {
	archive *Archive
	opts    VerifyOptions
	logs    map[string]*logCheck // by capture
	names   *nameSet             // of planned files
	buffers sync.Pool            // of *[]byte, of rowcount.BufferSize

	mu         sync.Mutex
	report     Report
	progress   Progress
	codecs     map[string]*codec.Codec
	unreadable int // objects in a row
}

func (v *verifier) run(ctx context.Context) error {
	if v.opts.Capture == "" {
		for c, err := range v.archive.Captures(ctx) {
			if err != nil {
				return err
			}
			if err := v.capture(ctx, c); err != nil {
				return err
			}
		}
		return v.files(ctx)
	}
	c, err := v.archive.Capture(v.opts.Capture)
	if err != nil {
		return err
	}
	if _, there, err := v.archive.firstBelow(ctx, logRoot+c.name+"/", ""); err != nil || !there {
		return errors.Join(err, fmt.Errorf("%s holds no capture %s", v.archive, c.name))
	}
	if err := v.capture(ctx, c); err != nil {
		return err
	}
	return v.files(ctx)
}

// capture verifies the log of a capture and the files that it plans.
func (v *verifier) capture(ctx context.Context, c *Capture) error {
	v.report.Captures++
	l := &logCheck{verifier: v, capture: c}
	v.logs[c.name] = l
	if err := l.check(ctx); err != nil {
		return fmt.Errorf("verify capture %s: %w", c.name, err)
	}
	return nil
}

// found reports a finding.
func (v *verifier) found(f Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if f.Severity == Problem {
		v.report.Problems++
		v.progress.Problems++
	} else {
		v.report.Notes++
	}
	if v.opts.Found != nil {
		v.opts.Found(f)
	}
}

// count changes the report, and the progress, which is told.
func (v *verifier) count(change func(*Report, *Progress)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(&v.report, &v.progress)
	if v.opts.Progress != nil {
		v.opts.Progress(v.progress)
	}
}

// reading counts objects in a row that the store could not give. After too many of them the error says so: it is the store that is
// broken, not the archive.
func (v *verifier) reading(err error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		v.unreadable = 0
		return nil
	}
	if v.unreadable++; v.unreadable < maxUnreadable {
		return nil
	}
	return fmt.Errorf("%d objects in a row cannot be read, giving up: %w", v.unreadable, err)
}

// codec returns the codec of a compression, or nil if it is not known.
func (v *verifier) codec(name string) *codec.Codec {
	v.mu.Lock()
	defer v.mu.Unlock()
	c, known := v.codecs[name]
	if !known {
		c, _ = codec.New(name, 0) // the one error is that it is not known
		v.codecs[name] = c
	}
	return c
}

// each calls f for 0 to n-1 on as many goroutines as the options allow, see parallel.Each.
func (v *verifier) each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	return parallel.Each(ctx, v.opts.Workers, n, f)
}
