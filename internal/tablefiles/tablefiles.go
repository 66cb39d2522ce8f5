// Package tablefiles says which files of a capture are the rows of a table, cut by cut, as its log has them. Tables and
// lists are projections of it: made again, they are the same.
package tablefiles

import (
	"context"
	"fmt"
	"iter"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

// Cut is a finished cut.
type Cut struct {
	archive.Cut
	Files []File // of data, in the order of the plan
	Dead  []File // of dead letters, in the order of the plan
}

// File is a file of rows.
type File struct {
	archive.Block        // Stored describes the object of Name
	Name          string // the object with the rows: that of the plan, or the mended one of a repair
}

// Cuts yields the finished cuts of a capture after one, in their order. b is the bucket that the capture is in. What a
// repair has mended is listed once, when the first cut is asked for. Errors are those of archive.Capture.Cuts.
func Cuts(ctx context.Context, b bucket.Bucket, c *archive.Capture, after uint64) iter.Seq2[Cut, error] {
	return func(yield func(Cut, error) bool) {
		mended, err := mendedFiles(ctx, b, c)
		if err != nil {
			yield(Cut{}, err)
			return
		}
		for cut, err := range c.CutsFrom(ctx, after+1) {
			if err == nil && !cut.Finished() {
				return
			}
			found := Cut{Cut: cut}
			if err == nil {
				err = found.find(ctx, c, mended)
			}
			if !yield(found, err) || err != nil {
				return
			}
		}
	}
}

// mendedFiles are the names of the repair records.
func mendedFiles(ctx context.Context, b bucket.Bucket, c *archive.Capture) (map[string]bool, error) {
	mended := map[string]bool{}
	for info, err := range b.List(ctx, cutlog.RepairPrefix(c.Name()), "") {
		if err != nil {
			return nil, fmt.Errorf("list the repairs of capture %s: %w", c.Name(), err)
		}
		mended[info.Name] = true
	}
	return mended, nil
}

// find finds the files of a finished cut.
func (cut *Cut) find(ctx context.Context, c *archive.Capture, mended map[string]bool) error {
	i := -1
	for block := range cut.Blocks() {
		i++
		f := File{block, block.Path()}
		if mended[cutlog.RepairName(c.Name(), cut.N, i)] {
			r, ok, err := c.Repaired(ctx, block)
			if err != nil {
				return err
			}
			if ok {
				f.Name, f.Stored = r.Name, &r.File
			}
		}
		switch {
		case f.Stored.Missing:
		case block.Kind == cutlog.KindDead:
			cut.Dead = append(cut.Dead, f)
		case block.Kind == cutlog.KindData:
			cut.Files = append(cut.Files, f)
		}
	}
	return nil
}
