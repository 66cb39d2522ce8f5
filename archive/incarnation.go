package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Incarnation is the part of a capture that is about one life of its stream: until that was made again, restored or
// rolled back.
type Incarnation struct {
	Opening *cutlog.Plan // its first cut
	Newest  Cut          // the newest finished cut; its number is 0 if there is none yet
}

// Incarnations returns the incarnations of the capture, oldest first. There is none before the first cut. Errors are
// those of Cuts.
func (c *Capture) Incarnations(ctx context.Context) ([]Incarnation, error) {
	lives, err := c.lives(ctx)
	if err != nil {
		return nil, unlessNoCut(err)
	}
	return c.incarnations(ctx, lives)
}

// unlessNoCut is an error of lives for those to whom a capture without cuts is an empty one.
func unlessNoCut(err error) error {
	if errors.Is(err, errNoCut) {
		return nil
	}
	return err
}

// incarnations is Incarnations of what lives has returned.
func (c *Capture) incarnations(ctx context.Context, lives []life) (all []Incarnation, err error) {
	all = make([]Incarnation, len(lives))
	for i, l := range lives {
		all[i].Opening = l.opening
		h := l.newest
		if h.N == 0 {
			h, err = c.log.At(ctx, l.last)
		}
		if err == nil && h.Done == nil && l.last > l.first {
			h, err = c.log.At(ctx, l.last-1)
		}
		if err != nil {
			return nil, fmt.Errorf("find the newest finished cut of incarnation %s: %w", l.opening.Incarnation, err)
		}
		if h.Done != nil {
			all[i].Newest = c.cut(h)
		}
	}
	return all, nil
}

// Cut reads a cut by its number. The error wraps fs.ErrNotExist if there is no such cut; others are those of Cuts.
func (c *Capture) Cut(ctx context.Context, n uint64) (Cut, error) {
	h, err := c.log.At(ctx, n)
	if err != nil {
		return Cut{}, fmt.Errorf("cut %d of capture %s: %w", n, c.name, err)
	}
	return c.cut(h), nil
}

// DoneSum returns the SHA-256 of the record that has finished a cut. The plans of what is made from this capture name
// it. The error wraps fs.ErrNotExist if the cut is not finished.
func (c *Capture) DoneSum(ctx context.Context, n uint64) (string, error) {
	sum, err := c.log.SumOf(ctx, cutlog.DoneName(c.name, n))
	if err != nil {
		return "", fmt.Errorf("cut %d of capture %s: %w", n, c.name, err)
	}
	return sum, nil
}

// continued returns the index of the incarnation that another one continues: the newest with the message behind which
// it begins. If the stream was restored from an older one, that is not the one before. It is -1 if the stream was new:
// then it has nothing of those before, even if its sequences begin behind theirs.
func (c *Capture) continued(ctx context.Context, lives []life, i int) (int, error) {
	opening := lives[i].opening
	rolledBack := i > 0 && opening.Cause == "" && // by an earlier program
		opening.Stream.Created.Equal(lives[i-1].opening.Stream.Created)
	if !isContinued(opening.Cause) && !rolledBack {
		return -1, nil
	}
	if rolledBack || opening.Anchor.Seq == 0 {
		return i - 1, nil
	}
	for j := i - 1; j >= 0; j-- {
		if has, err := c.hasAnchor(ctx, lives[j], opening.Anchor); err != nil || has {
			return j, err
		}
	}
	return i - 1, nil
}

// hasAnchor reports whether an anchor is one of an incarnation.
func (c *Capture) hasAnchor(ctx context.Context, l life, a cutlog.Anchor) (bool, error) {
	same := func(b cutlog.Anchor) bool {
		return a.Seq == b.Seq && a.Time.Equal(b.Time) && a.Subject == b.Subject && a.Hash == b.Hash
	}
	if same(l.opening.Anchor) || a.Seq <= l.opening.From {
		return same(l.opening.Anchor), nil
	}
	h, found, err := c.search(ctx, l, a.Seq)
	if err != nil || !found {
		return false, err
	}
	return same(h.Plan.Anchor) || slices.ContainsFunc(h.Plan.Anchors, same), nil
}
