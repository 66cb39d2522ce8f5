package cutlog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Check reports what is wrong with a plan by itself: its numbers, its names, and its accounting. The sets must be
// disjoint and within (From, To], and together with Absent make up To - From. CheckChain checks a plan against the cut
// before.
func (p *Plan) Check() error {
	for _, check := range []func() error{p.checkHead, p.checkAnchor, p.checkSettings, p.checkBlocks, p.checkAccounting} {
		if err := check(); err != nil {
			return fmt.Errorf("check plan %d: %w", p.N, err)
		}
	}
	return nil
}

func (p *Plan) checkHead() error {
	switch {
	case p.N == 0:
		return errors.New("number is 0, expected 1 or more")
	case p.N == 1 && (p.Prev != "" || !p.Opens || p.Format == nil):
		return errors.New("the first plan has no previous record, opens an incarnation and carries the format")
	case p.N > 1 && !isSum(p.Prev):
		return fmt.Errorf("previous record is %q, expected the SHA-256 of done %d", p.Prev, p.N-1)
	case p.N > 1 && p.Format != nil:
		return errors.New("only the first plan carries the format")
	case p.Reason == "":
		return errors.New("no reason")
	case p.Stream.Name == "" || p.Stream.Created.IsZero():
		return errors.New("no stream name or no time of its creation")
	case len(p.Incarnation) != incDigits || !isLowerHex(p.Incarnation):
		return fmt.Errorf("incarnation is %q, expected IncarnationID", p.Incarnation)
	case p.From > p.To:
		return fmt.Errorf("range (%d, %d] ends before it begins", p.From, p.To)
	case p.Opens != (p.Opened == p.N) || p.Opened == 0 || p.Opened > p.N:
		return fmt.Errorf("incarnation was opened by plan %d, and this plan opens one: %v", p.Opened, p.Opens)
	case !p.Opens && (len(p.Past) > 0 || p.Cause != ""):
		return errors.New("earlier streams or a cause are named, but the plan does not open an incarnation")
	}
	if err := p.Source.check(); err != nil {
		return err
	}
	return p.checkFormat()
}

func (p *Plan) checkFormat() error {
	if p.Format == nil {
		return nil
	}
	if p.Format.Stream != p.Stream.Name {
		return fmt.Errorf("format is for stream %q, the plan for %q", p.Format.Stream, p.Stream.Name)
	}
	return p.Format.Check()
}

// Check reports what is wrong with a format.
func (f *Format) Check() error {
	if f.Stream == "" {
		return errors.New("format without a stream")
	}
	if !slices.IsSorted(f.Filter) || len(slices.Compact(slices.Clone(f.Filter))) != len(f.Filter) {
		return fmt.Errorf("format: subject filter %q is not sorted or has a subject twice", f.Filter)
	}
	return CheckCapture(f.Capture)
}

func (p *Plan) checkAnchor() error {
	if p.Anchor.Seq > p.To {
		return fmt.Errorf("anchor is stream sequence %d, above the end of the range, %d", p.Anchor.Seq, p.To)
	}
	if p.Anchor.Seq > 0 && !p.Anchor.hasHash() {
		return fmt.Errorf("hash of the anchor is %q, expected HashMessage", p.Anchor.Hash)
	}
	return p.checkAnchors()
}

// checkAnchors checks the anchors besides the last message.
func (p *Plan) checkAnchors() error {
	if len(p.Anchors) > MaxAnchors {
		return fmt.Errorf("%d anchors, expected at most %d", len(p.Anchors), MaxAnchors)
	}
	before := p.From
	for _, a := range p.Anchors {
		if a.Seq <= before || a.Seq >= p.Anchor.Seq {
			return fmt.Errorf("one of the anchors is stream sequence %d, expected one between %d and the last one, %d",
				a.Seq, before, p.Anchor.Seq)
		}
		if before = a.Seq; !a.hasHash() {
			return fmt.Errorf("hash of the anchor %d is %q, expected HashMessage", a.Seq, a.Hash)
		}
	}
	return nil
}

func (a Anchor) hasHash() bool { return len(a.Hash) == 32 && isLowerHex(a.Hash) }

// checkSettings refuses settings that JSON would change, because a redo compares them.
func (p *Plan) checkSettings() error {
	for key, value := range p.Settings {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return fmt.Errorf("setting %q is %q: not valid UTF-8", key, value)
		}
	}
	return nil
}

func (p *Plan) checkBlocks() error {
	for i := range p.Blocks {
		b := &p.Blocks[i]
		if err := p.checkBlock(b); err != nil {
			return fmt.Errorf("block %d, %s: %w", i, b.Path(), err)
		}
		if i > 0 && CompareBlocks(p.Blocks[i-1], *b) >= 0 {
			return fmt.Errorf("block %d, %s, does not come after %s: expected the order of CompareBlocks",
				i, b.Path(), p.Blocks[i-1].Path())
		}
	}
	return nil
}

func (p *Plan) checkBlock(b *Block) error {
	if b.Seqs.Empty() || b.Messages < 0 || uint64(b.Messages) != b.Seqs.Count() {
		return fmt.Errorf("%d messages, but %d stream sequences; expected as many, and one at least",
			b.Messages, b.Seqs.Count())
	}
	if b.Rows < 0 {
		return fmt.Errorf("%d rows", b.Rows)
	}
	if err := CheckName(b.Path()); err != nil {
		return err
	}
	id, ok := ParseBlockName(b.Name)
	if !ok || id.Incarnation != p.Incarnation || id.First != b.Seqs.First() || id.Last != b.Seqs.Last() {
		return fmt.Errorf("file name does not say incarnation %s, stream sequences %d to %d: expected BlockName",
			p.Incarnation, b.Seqs.First(), b.Seqs.Last())
	}
	return b.checkPlace(id.Capture)
}

// checkPlace checks that data is not in a directory reserved for something else, and that dead letters are in theirs.
func (b *Block) checkPlace(capture string) error {
	inDead := strings.HasPrefix(b.Dir+"/", DeadPrefix(capture)+"/")
	switch {
	case b.Kind == KindDead && !inDead:
		return fmt.Errorf("dead letters belong below %s", DeadPrefix(capture))
	case b.Kind == KindData && strings.HasPrefix(b.Dir, "_"):
		return errors.New("data in a reserved directory: escape the first segment of the key with EscapeSegment")
	case b.Kind != KindDead && b.Kind != KindData:
		return fmt.Errorf("kind is %q, expected %q or %q", b.Kind, KindData, KindDead)
	}
	return nil
}

// Path is the name of the block's file below the root.
func (b *Block) Path() string { return b.Dir + "/" + b.Name }

// CompareBlocks orders the blocks of a plan, for slices.SortFunc: data first, then by Dir and Name. Names hold the
// first sequence in a fixed width, so the parts of one key and window are in order, too.
func CompareBlocks(a, b Block) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Dir, b.Dir), strings.Compare(a.Name, b.Name))
}

// checkCapture checks that a plan belongs to a capture, which the plan does not say by itself.
func (p *Plan) checkCapture(capture string) error {
	if p.Format != nil && p.Format.Capture != capture {
		return fmt.Errorf("plan %d is of capture %q, expected %q", p.N, p.Format.Capture, capture)
	}
	if want := IncarnationID(capture, p.Stream.Name, p.Stream.Created, p.N); p.Opens && p.Incarnation != want {
		return fmt.Errorf("plan %d opens incarnation %s, expected %s", p.N, p.Incarnation, want)
	}
	for i := range p.Blocks {
		if id, _ := ParseBlockName(p.Blocks[i].Name); id.Capture != capture {
			return fmt.Errorf("plan %d: block %d, %s: its name is of capture %q, expected %q",
				p.N, i, p.Blocks[i].Path(), id.Capture, capture)
		}
	}
	return nil
}

func isSum(s string) bool { return len(s) == 64 && isLowerHex(s) }
