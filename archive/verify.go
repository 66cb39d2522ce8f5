package archive

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/rowcount"
)

// VerifyOptions say how an archive is verified. The zero value checks everything that can be checked without the
// stream.
type VerifyOptions struct {
	// Found is called with each finding, one call at a time, from goroutines of Verify. Zero: findings are only counted.
	Found func(Finding)
	// Progress is called from time to time, one call at a time, from goroutines of Verify. Zero: never.
	Progress func(Progress)
	// Capture restricts the verification to one capture and the files with its name. Zero: all captures and all files.
	Capture string
	// Quick does not read the files. It checks only that they are there, with the right size.
	Quick bool
	// Against opens the stream that a capture is bound to, to compare what it still holds with the files. It returns nil
	// for a stream that is not to be compared. Zero: no stream is compared.
	Against func(ctx context.Context, f cutlog.Format) (Stream, error)
	// Workers is how many files are read at the same time. Zero: one for each processor.
	Workers int
	// UnpackLimit is how many bytes a file may unpack to even if that is more than 1000 times its size. Zero: 4 GiB.
	UnpackLimit int64

	maxNames, maxChunk int // for tests; zero: the defaults
}

// The defaults of VerifyOptions, and limits that callers cannot set.
const (
	defaultUnpackLimit = 4 << 30
	defaultMaxNames    = 4 << 20 // names of files kept at a time, 8 bytes each
	defaultMaxChunk    = 1 << 20 // messages of the stream kept at a time, 25 bytes each
	maxUnreadable      = 100     // unreadable objects in a row before Verify gives up
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
	Capture   string // the present one; empty while files are listed
	Cut, Last uint64 // number of the present cut, and of the last one
	Files     int64  // read
	Bytes     int64  // read
	Compared  int64  // messages compared with a stream
	Listed    int64  // files listed
	Problems  int64  // found
}

// Report is what a verification has covered and found.
type Report struct {
	Captures int64
	Cuts     int64   // with a plan that could be read
	Finished int64   // of these cuts
	Counts           // of their plans and done records
	Reasons  Reasons // of Lost and Absent
	Read     int64   // files that were there and could be read
	Size     int64   // bytes of the files read
	RowsRead int64   // rows counted in the files read
	NoFormat int64   // files read whose rows were not counted, as the log does not say their format
	// NoFormatIn are these files by their capture. A program says the format by Options.Settings["format"].
	NoFormatIn map[string]int64
	Listed     int64 // files in the archive, dead letters included
	Later      int64 // files of cuts that were made meanwhile, not looked at
	Foreign    int64 // files that no reader takes for data: a part of their name begins with "_" or "."

	Compared int64 // messages that the stream still holds and that were compared
	// messages that the stream still holds and that could not be compared, as their format does not allow it
	Uncompared int64

	Problems int64
	Notes    int64
}

// OK reports whether there is no problem.
func (r Report) OK() bool { return r.Problems == 0 }

// Verify checks the archive:
//
//   - every record by its own sum, the chain of the records, and their accounting
//   - every planned file: it must be there with the size and the sum of its done record, unpack, and hold as many rows
//     as planned if the format is known
//   - that there is nothing else that a reader could take for data, as far as the bucket can tell
//   - that the list of the store has what is there: what the log names is asked for by its name
//   - with Against, that files and stream hold the same messages
//
// A capture may go on meanwhile. What it adds is not checked and is not a problem. The newest cut may be unfinished,
// which is a note.
//
// An error means that the verification did not reach its end, because the store cannot be listed or read any more, the
// stream does not answer, or ctx has ended. What is wrong with the archive is not an error but a finding. The report
// covers what was done.
func (a *Archive) Verify(ctx context.Context, opts VerifyOptions) (Report, error) {
	v := &verifier{archive: a, opts: opts.withDefaults(), codecs: map[string]*codec.Codec{}, logs: map[string]*logCheck{}}
	v.links = map[string]bool{}
	v.names = newNameSet(v.opts.maxNames)
	v.buffers.New = func() any {
		buf := make([]byte, rowcount.BufferSize)
		return &buf
	}
	err := v.run(ctx)
	return v.report, err
}

// verifier is one run of Verify. The goroutine of Verify owns logs and names. Its workers check one file each.
type verifier struct {
	archive *Archive
	opts    VerifyOptions
	logs    map[string]*logCheck // by capture
	names   *nameSet             // of planned files
	sizes   *sizes               // with Quick; does not change while workers run
	links   map[string]bool      // symbolic links in the archive; true: planned files lie behind it
	buffers sync.Pool            // of *[]byte, of rowcount.BufferSize

	mu         sync.Mutex // guards the following while workers run; held while Found and Progress run
	report     Report
	progress   Progress
	codecs     map[string]*codec.Codec // by name; nil: not known
	unreadable int                     // objects in a row
}

func (v *verifier) run(ctx context.Context) (err error) {
	if v.opts.Quick {
		if v.sizes, err = v.archive.listSizes(ctx, v.opts.maxNames); err != nil {
			return err
		}
	}
	if v.opts.Capture == "" {
		other := func(e bucket.Entry) {
			if !isTemp(e.Name) {
				v.stray("", e)
			}
		}
		for c, err := range v.archive.logs(ctx, other) {
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
	if there, err := v.archive.isCapture(ctx, c.name, false, true); err != nil {
		return err
	} else if _, listed, err := v.archive.firstBelow(ctx, logRoot+c.name+"/", ""); err != nil || !there && !listed {
		return errors.Join(err, fmt.Errorf("%s holds no capture %s: jetcapture ls lists those that it has",
			v.archive, c.name))
	}
	if err := v.capture(ctx, c); err != nil {
		return err
	}
	return v.files(ctx)
}

// capture verifies the log of a capture and the files that it plans.
func (v *verifier) capture(ctx context.Context, c *Capture) error {
	store := readAhead(ctx, c.store, c.name, 0)
	defer store.close()
	c = &Capture{name: c.name, store: store, log: cutlog.New(store, c.name)}
	l := &logCheck{verifier: v, capture: c, ahead: store}
	v.logs[c.name] = l
	v.count(func(r *Report, _ *Progress) { r.Captures++ })
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

// count changes report and progress, and reports the progress.
func (v *verifier) count(change func(*Report, *Progress)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(&v.report, &v.progress)
	if v.opts.Progress != nil {
		v.opts.Progress(v.progress)
	}
}

// reading counts the objects in a row that could not be read; err is nil for one that could. After too many of them it
// returns an error, because then the store is broken and not the archive.
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
		c, _ = codec.New(name, 0) // fails only if it is not known
		v.codecs[name] = c
	}
	return c
}

// each calls f for 0 to n-1 on as many goroutines as the options allow, see parallel.Each.
func (v *verifier) each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	return parallel.Each(ctx, v.opts.Workers, n, f)
}
