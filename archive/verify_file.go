package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/measure"
	"github.com/jetcapture/jetcapture/internal/rowcount"
)

// tellEvery is how many bytes pass between two reports of progress.
const tellEvery = 1 << 20

// telling reports how many bytes are read through it, after each tellEvery and at the end.
type telling struct {
	r      io.Reader
	tell   func(n int)
	untold int
}

// Read implements io.Reader.
func (t *telling) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.untold += n
	if t.untold >= tellEvery || errors.Is(err, io.EOF) {
		t.tell(t.untold)
		t.untold = 0
	}
	return n, err
}

// content is what was found in a file.
type content struct {
	there  bool
	size   int64
	sha256 string // empty if it was not read
	rows   int64  // -1: the format is not known
	bad    error  // it does not unpack, or is not text of its format
	known  bool   // the compression is known, so that rows and bad mean something
}

// file is the check of one planned file. It belongs to one worker.
type file struct {
	*verifier
	cut   Cut
	index int // in the plan
	block Block
	// strict: the file must be there, because a done record or a later plan says that the cut is finished.
	strict bool
	// lostUnknown: any of the messages may be lost.
	lostUnknown bool
}

// check reads the file and returns what is wrong with it. After an error the verification cannot go on.
func (f *file) check(ctx context.Context) (findings []Finding, result checked, err error) {
	c, err := f.read(ctx)
	if broken := (*unreadableError)(nil); errors.As(err, &broken) && ctx.Err() == nil {
		finding := f.problem(Unreadable, "an object that can be read", broken.err.Error(), "check the store and verify again")
		return []Finding{finding}, result, f.reading(err)
	}
	if err != nil {
		return nil, result, err
	}
	if err := f.reading(nil); err != nil {
		return nil, result, err
	}
	if !c.there {
		return f.settle(ctx, c, f.absent())
	}
	f.count(func(r *Report, p *Progress) {
		r.Read++
		r.Size += c.size
		r.RowsRead += max(c.rows, 0)
		if c.known && c.rows < 0 && c.bad == nil && !rowcount.Knows(layoutOf(f.cut.Plan, &f.block.Block).rows.Format) {
			r.NoFormat++
			if r.NoFormatIn == nil {
				r.NoFormatIn = map[string]int64{}
			}
			r.NoFormatIn[f.cut.capture]++
		}
		p.Files++
	})
	return f.settle(ctx, c, f.judge(c))
}

// read reads the file, or with Quick only its size.
func (f *file) read(ctx context.Context) (content, error) { return f.readObject(ctx, f.block.Path()) }

// readObject is read for an object that has another name than the file, and its content.
func (f *file) readObject(ctx context.Context, name string) (content, error) {
	if f.opts.Quick {
		if size, known := f.sizes.of(name); known {
			return content{there: true, size: size, rows: -1}, nil
		}
		info, err := f.archive.bucket.Stat(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			return content{}, nil
		} else if err != nil {
			return content{}, unreadable(name, err)
		}
		return content{there: true, size: info.Size, rows: -1}, nil
	}
	r, err := f.archive.bucket.Open(ctx, name, 0, -1)
	if errors.Is(err, fs.ErrNotExist) {
		return content{}, nil
	} else if err != nil {
		return content{}, unreadable(name, err)
	}
	m := measure.NewReader(&telling{r: r, tell: f.tell})
	c := f.unpack(m)
	drainErr := m.Drain() // what a decoder left, for the sum
	if err := errors.Join(m.Err(), r.Close()); err != nil {
		return content{}, unreadable(name, err)
	}
	if drainErr != nil {
		return content{}, unreadable(name, drainErr)
	}
	c.there, c.size, c.sha256 = true, m.Size(), m.SHA256()
	return c, nil
}

// tell adds bytes to the progress.
func (f *file) tell(n int) {
	f.count(func(_ *Report, p *Progress) { p.Bytes += int64(n) })
}

// unpack decompresses the file and counts its rows.
func (f *file) unpack(m *measure.Reader) content {
	l := layoutOf(f.cut.Plan, &f.block.Block)
	cd := f.codec(l.compression)
	if cd == nil {
		return content{rows: -1}
	}
	plain, err := cd.NewReader(m)
	if err != nil {
		return content{rows: -1, bad: err, known: true}
	}
	buf := f.buffers.Get().(*[]byte)
	defer f.buffers.Put(buf)
	rows, err := l.rows.Count(&bounded{plain: plain, packed: m, limit: f.opts.UnpackLimit}, *buf)
	return content{rows: rows, bad: errors.Join(err, plain.Close()), known: true}
}

// absent returns the findings if the file is not there.
func (f *file) absent() []Finding {
	switch {
	case f.block.Stored != nil && f.block.Stored.Missing:
		return nil // all its messages are recorded as lost
	case !f.strict, f.cut.Done == nil && f.block.Lost.Equal(f.block.Seqs):
		return nil
	}
	expected := "a file"
	if s := f.block.Stored; s != nil {
		expected = fmt.Sprintf("a file of %d bytes with SHA-256 %s", s.Size, s.SHA256)
	}
	return []Finding{f.problem(Missing, expected, "nothing", adviceMend)}
}

// judge compares the file with its records.
func (f *file) judge(c content) (findings []Finding) {
	if finding, wrong := f.judgeBytes(c); wrong {
		return []Finding{finding}
	}
	if !c.known && !f.opts.Quick {
		findings = append(findings, f.note(Unchecked, "a compression that this version knows",
			fmt.Sprintf("%q: only the size and the sum were checked", layoutOf(f.cut.Plan, &f.block.Block).compression)))
	}
	if c.bad != nil {
		return append(findings,
			f.problem(WrongContent, "a file that unpacks, with "+f.planned(), c.bad.Error(), adviceMend))
	}
	if format := layoutOf(f.cut.Plan, &f.block.Block).rows.Format; c.known && c.rows < 0 && rowcount.Knows(format) {
		findings = append(findings, f.note(Unchecked, f.planned(),
			fmt.Sprintf("a file of %s whose rows cannot be counted: only the size and the sum were checked", format)))
	}
	return append(findings, f.judgeRows(c)...)
}

// judgeBytes compares size and sum with the done record.
func (f *file) judgeBytes(c content) (Finding, bool) {
	s := f.block.Stored
	if s == nil || s.Missing || s.Size == c.size && (c.sha256 == "" || s.SHA256 == c.sha256) {
		return Finding{}, false
	}
	expected, found := fmt.Sprintf("%d bytes", s.Size), fmt.Sprintf("%d bytes", c.size)
	if c.sha256 != "" {
		expected += " with SHA-256 " + s.SHA256
		found += " with SHA-256 " + c.sha256
	}
	if c.bad != nil {
		found += fmt.Sprintf(" (%v)", c.bad)
	}
	return f.problem(Damaged, expected, found, adviceMend), true
}

// judgeRows compares the number of rows with the plan. A file may hold rows of messages that are recorded as lost.
func (f *file) judgeRows(c content) []Finding {
	all, lost := f.block.Rows, int64(f.block.Lost.Count())
	late := f.block.Stored != nil && f.block.Stored.Missing
	least := all
	if lost > 0 && all == f.block.Messages {
		least = all - lost
	} else if lost > 0 {
		least = 0 // how many rows a message has is not known
	}
	if f.lostUnknown {
		least = 0
	}
	switch {
	case c.rows >= 0 && (c.rows < least || c.rows > all):
		return []Finding{f.problem(WrongContent, f.planned(), fmt.Sprintf("%d rows", c.rows), adviceMend)}
	case late, lost > 0 && all == f.block.Messages && c.rows > least:
		return []Finding{f.note(LatePut, fmt.Sprintf("a file without the %d messages that are recorded as lost", lost),
			"a file that holds them: a paused writer has stored it after all")}
	}
	return nil
}

// planned returns how many rows the file should have, as text.
func (f *file) planned() string {
	text := fmt.Sprintf("%d rows of %d messages", f.block.Rows, f.block.Messages)
	if lost := f.block.Lost.Count(); lost > 0 {
		text += fmt.Sprintf(", %d of them lost", lost)
	}
	return text
}

func (f *file) problem(k Kind, expected, found, advice string) Finding {
	return f.finding(Problem, k, f.block.Seqs, expected, found, advice)
}

func (f *file) note(k Kind, expected, found string) Finding {
	seqs := f.block.Seqs
	if k == LatePut {
		seqs = f.block.Lost
	}
	return f.finding(Note, k, seqs, expected, found, "")
}

func (f *file) finding(s Severity, k Kind, seqs cutlog.SeqSet, expected, found, advice string) Finding {
	return Finding{
		Severity: s, Kind: k, Capture: f.cut.capture, Cut: f.cut.N, Object: f.block.Path(), Seqs: seqs,
		Expected: expected, Found: found, Advice: advice,
	}
}
