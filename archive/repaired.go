package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Repaired says that a file was made again, and where the mended one is.
type Repaired struct {
	Name string // of the object that holds the messages of the block
	File cutlog.File
}

// Repaired reads the repair record of a file of the capture. ok is false if it was never repaired.
func (c *Capture) Repaired(ctx context.Context, b Block) (r Repaired, ok bool, err error) {
	h, err := c.log.At(ctx, b.Cut)
	if err != nil {
		return r, false, err
	}
	for i := range h.Plan.Blocks {
		if h.Plan.Blocks[i].Path() == b.Path() {
			return repaired(ctx, c.store, c.cut(h), i)
		}
	}
	return r, false, fmt.Errorf("cut %d of capture %s has no file %s", b.Cut, c.name, b.Path())
}

// repaired reads the repair record of file i of a cut.
func repaired(ctx context.Context, s cutlog.Store, cut Cut, i int) (r Repaired, ok bool, err error) {
	name := cutlog.RepairName(cut.capture, cut.N, i)
	data, err := s.Get(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	record, err := cutlog.DecodeRepair(name, data)
	if err != nil {
		return r, false, err
	}
	if record.N != cut.N || record.Block != i || record.Plan != cut.PlanSum {
		return r, false, &cutlog.CorruptError{
			Object: name, Expected: fmt.Sprintf("the repair of file %d of plan %d with SHA-256 %s", i, cut.N, cut.PlanSum),
			Found: fmt.Sprintf("that of file %d of plan %d with SHA-256 %s", record.Block, record.N, record.Plan),
		}
	}
	return Repaired{Name: record.Name, File: record.File}, true, nil
}

// settle replaces the problems of a file by a note if a mended one stands for it. c is what was found under its own
// name.
func (f *file) settle(ctx context.Context, c content, findings []Finding) ([]Finding, checked, error) {
	if !hasProblem(findings) {
		return findings, checked{c.there, c.rows}, nil
	}
	r, mended, err := f.mended(ctx, c)
	if err != nil { // it cannot stand for the file, whose problems remain
		return append(findings, f.badRecord(err)...), checked{rows: c.rows}, ctx.Err()
	}
	if !mended.is(r.File) {
		return findings, checked{rows: c.rows}, nil
	}
	note := f.note(Mended, findings[0].Expected, findings[0].Found+"; it was made again as "+r.Name)
	if r.Name != f.block.Path() {
		note.Advice = "move the damaged file away, then jetcapture repair puts the mended one in its place: until then, " +
			"readers that list the files lack its messages"
	}
	return []Finding{note}, checked{rows: mended.rows}, nil
}

// badRecord returns the finding of a repair record that is damaged, if err says that.
func (f *file) badRecord(err error) []Finding {
	var corrupt *cutlog.CorruptError
	if !errors.As(err, &corrupt) {
		return nil
	}
	finding := f.problem(Damaged, corrupt.Expected, corrupt.Found, adviceRestore)
	finding.Object = corrupt.Object
	return []Finding{finding}
}

// mended reads the file that a repair record names. c is what was found under the planned name. Without a record,
// nothing is there.
func (f *file) mended(ctx context.Context, c content) (r Repaired, mended content, err error) {
	r, ok, err := repaired(ctx, f.archive.store, f.cut, f.index)
	switch {
	case err != nil || !ok:
		return r, content{}, err
	case r.Name == f.block.Path():
		return r, c, nil
	}
	mended, err = f.readObject(ctx, r.Name)
	return r, mended, err
}

// is reports whether a file was found that unpacks and is the given one. Of one that was not read, the size counts.
func (c content) is(f cutlog.File) bool {
	return c.there && c.bad == nil && c.size == f.Size && (c.sha256 == "" || c.sha256 == f.SHA256)
}

func hasProblem(findings []Finding) bool {
	for _, f := range findings {
		if f.Severity == Problem {
			return true
		}
	}
	return false
}

// mend makes f read the mended file if its own was repaired. Which ones were is listed once for each reading.
func (r *messageReader) mend(ctx context.Context, cut Cut, i int, f *fileReader) error {
	if r.mended == nil {
		r.mended = map[string]bool{}
		for name, err := range r.capture.store.List(ctx, cutlog.RepairPrefix(cut.capture), "") {
			if err != nil {
				return fmt.Errorf("list the repairs of capture %s: %w", cut.capture, err)
			}
			r.mended[name] = true
		}
	}
	if !r.mended[cutlog.RepairName(cut.capture, cut.N, i)] {
		return nil
	}
	m, ok, err := repaired(ctx, r.capture.store, cut, i)
	if ok {
		f.object, f.block.Stored = m.Name, &m.File
	}
	return err
}
