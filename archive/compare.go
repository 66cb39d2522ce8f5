package archive

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// comparison compares the files of a capture with what its stream still holds. A nil comparison compares nothing.
//
// The messages of a cut are read from the stream in chunks. Fingerprints of a chunk are kept and compared with the rows
// of the files. So both are read in their order, and memory is bounded for any number of messages and files.
type comparison struct {
	log     *logCheck
	stream  Stream
	created StreamInfo        // at the start
	valid   map[string]uint64 // by incarnation: the sequence up to which the present stream is the captured one
	hash    hasher
	other   *otherCapture // stream, if that is another capture; otherwise nil
}

// openStream opens the stream of the capture, if it is to be compared.
func (l *logCheck) openStream(ctx context.Context) error {
	if l.opts.Against == nil || l.numbers.Empty() {
		return nil
	}
	format, err := l.bound(ctx)
	if err != nil {
		return l.tolerate(ctx, err)
	}
	s, err := l.opts.Against(ctx, format)
	if err != nil {
		return fmt.Errorf("open the stream: %w", err)
	}
	if s == nil {
		return nil
	}
	c := &comparison{log: l, stream: s, valid: map[string]uint64{}, hash: hasher{maphash.MakeSeed()}}
	ok, err := c.begin(ctx)
	if err != nil || !ok {
		return errors.Join(err, s.Close(ctx))
	}
	l.compare = c
	return nil
}

// bound reads what the capture is bound to, from plan 1 if format.json cannot be read.
func (l *logCheck) bound(ctx context.Context) (cutlog.Format, error) {
	format, err := l.capture.Format(ctx)
	if err == nil {
		return format, nil
	}
	first, err := l.plan(ctx, 1)
	if err != nil {
		return format, err
	}
	return *first.Plan.Format, nil
}

// begin finds out which incarnations the present stream can be compared with. It notes it if there are none.
func (c *comparison) begin(ctx context.Context) (ok bool, err error) {
	if other, is := c.stream.(*otherCapture); is {
		c.other = other
		return c.beginOther(ctx, other)
	}
	c.created, err = c.stream.Info(ctx)
	if errors.Is(err, ErrNoStream) {
		c.unchecked("a stream to compare with", err.Error())
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up the stream: %w", err)
	}
	lives, err := c.log.capture.lives(ctx)
	if err == nil {
		err = c.choose(ctx, lives)
	}
	if err != nil {
		if _, isFault := c.log.fault(err); isFault || errors.Is(err, errNoCut) {
			c.unchecked("a sound log to compare with the stream", err.Error())
			return false, nil
		}
		return false, err
	}
	if len(c.valid) == 0 {
		at := c.created.Created.UTC().Format(time.RFC3339)
		c.unchecked("the stream that was captured", fmt.Sprintf("another one, created at %s: if it was restored, the "+
			"capture finds out what it has when it runs; jetcapture diff ARCHIVE --against-stream compares with it now", at))
	}
	return len(c.valid) > 0, nil
}

// choose finds the incarnations whose messages the present stream has: those of the stream itself, and in front of one
// that was opened for a restored or rolled back stream the one that it continues. They go up to where that begins.
func (c *comparison) choose(ctx context.Context, lives []life) (err error) {
	through, before := uint64(math.MaxUint64), -1
	for i, l := range slices.Backward(lives) {
		own := l.opening.Stream.Created.Equal(c.created.Created)
		if !own && i != before {
			continue
		}
		if !own && i > 0 && !isContinued(l.opening.Cause) {
			// The backup may be one of this life or of one before.
			c.unchecked("incarnations whose messages the restored stream has",
				fmt.Sprintf("several that it may have been restored from, which were not compared, the newest %s: "+
					"jetcapture diff ARCHIVE --against-stream compares with the stream", l.opening.Incarnation))
			return nil
		}
		c.valid[l.opening.Incarnation] = through
		through = min(through, l.opening.From)
		if before, err = c.log.capture.continued(ctx, lives, i); err != nil {
			return err
		}
	}
	return nil
}

// isContinued reports whether an incarnation that was opened for this cause has messages of the one before.
func isContinued(c cutlog.Cause) bool {
	return c == cutlog.CauseRestored || c == cutlog.CauseRolledBack
}

// unchecked notes why nothing can be compared.
func (c *comparison) unchecked(expected, found string) {
	f := c.log.finding(0, Unchecked, cutlog.FormatName(c.log.capture.name), expected, found, "")
	f.Severity = Note
	c.log.found(f)
}

// close closes the stream.
func (c *comparison) close(ctx context.Context) error {
	if c == nil {
		return nil
	}
	return c.stream.Close(context.WithoutCancel(ctx))
}

// cut compares a cut whose files were checked.
func (c *comparison) cut(ctx context.Context, cut Cut, files []checked) error {
	if c == nil {
		return nil
	}
	cc := &cutComparison{comparison: c, Cut: cut, files: files, diffs: make([]difference, len(files))}
	if c.other == nil || c.other.enter(cut.Plan) {
		if err := cc.compare(ctx); err != nil {
			return err
		}
	}
	cc.report()
	return nil
}

// compare compares what the stream holds of the cut.
func (c *cutComparison) compare(ctx context.Context) error {
	info, err := c.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("look up the stream: %w", err)
	}
	if c.other == nil && !info.Created.Equal(c.created.Created) {
		return fmt.Errorf("the stream was recreated at %s, during the verification: verify again", info.Created)
	}
	after := max(c.Plan.From, max(info.First, 1)-1)
	through := min(c.Plan.To, info.Last, c.valid[c.Plan.Incarnation])
	if after >= through {
		return nil
	}
	next, stop := iter.Pull2(c.stream.Messages(ctx, after, through))
	defer stop()
	for {
		held, err := c.comparison.chunk(next)
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
		if len(held.seqs) == 0 {
			return nil
		}
		if err := c.chunk(ctx, held); err != nil {
			return err
		}
	}
}

// chunk is a part of what the stream holds of a cut.
type chunk struct {
	seqs   []uint64 // ascending
	prints []fingerprint
	met    []bool // the message is in a file; each element is written by the goroutine of the block that holds it
}

// chunk reads the next messages.
func (c *comparison) chunk(next func() (Message, error, bool)) (*chunk, error) {
	ch := &chunk{}
	for len(ch.seqs) < c.log.opts.maxChunk {
		m, err, ok := next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if n := len(ch.seqs); n > 0 && m.Seq <= ch.seqs[n-1] {
			return nil, fmt.Errorf("message %d comes after message %d", m.Seq, ch.seqs[n-1])
		}
		ch.seqs = append(ch.seqs, m.Seq)
		ch.prints = append(ch.prints, c.hash.message(&m))
	}
	ch.met = make([]bool, len(ch.seqs))
	return ch, nil
}

// cutComparison compares one cut.
type cutComparison struct {
	*comparison
	Cut
	files      []checked
	diffs      []difference // by block
	uncaptured cutlog.SeqSet
	held       cutlog.SeqSet // what the capture that the cut was made from holds
}

// difference is what differs in one file.
type difference struct {
	seqs  cutlog.SeqSet
	first string // how the first one differs
}

// chunk compares a chunk with all files that hold messages of it.
func (c *cutComparison) chunk(ctx context.Context, ch *chunk) error {
	err := c.log.each(ctx, len(c.files), func(ctx context.Context, i int) error {
		return c.block(ctx, i, ch)
	})
	if err != nil {
		return err
	}
	var unmet cutlog.SeqSet
	for i, met := range ch.met {
		if !met {
			unmet.Add(ch.seqs[i])
		}
	}
	unmet = unmet.Minus(c.Plan.Skipped)
	for _, l := range c.Plan.Lost {
		if !c.contradicts(l.Reason) {
			unmet = unmet.Minus(l.Seqs)
		}
	}
	c.uncaptured = c.uncaptured.Union(unmet)
	if c.derived() {
		for _, seq := range ch.seqs {
			c.held.Add(seq)
		}
	}
	return nil
}

// contradicts reports whether a message that the stream holds cannot have been lost for a reason. After a rollback, an
// older copy of the stream may have brought it back.
func (c *cutComparison) contradicts(reason cutlog.LostReason) bool {
	if c.other != nil {
		return true
	}
	since := c.valid[c.Plan.Incarnation] == math.MaxUint64
	return since && (reason == cutlog.LostExpired || reason == cutlog.LostRemoved)
}

// block compares a chunk with a file. Its messages in the chunk count as met in any case.
func (c *cutComparison) block(ctx context.Context, i int, ch *chunk) error {
	b := c.Cut.block(i)
	held := ch.meet(b.Seqs)
	kind := rowsOf(c.Plan, b.Kind)
	seqs, known := c.files[i].rowSeqs(&b)
	if held == 0 || !c.files[i].sound {
		return nil
	}
	if kind == 0 || !known || c.log.codec(layoutOf(c.Plan, &b.Block).compression) == nil {
		c.log.count(func(r *Report, _ *Progress) { r.Uncompared += held })
		return nil
	}
	return c.rows(ctx, &c.diffs[i], &b, kind, seqs, ch)
}

// meet marks the messages of a set and returns how many of them are in the chunk. Blocks are disjoint, so it may run
// for several of them at the same time.
func (ch *chunk) meet(s cutlog.SeqSet) (n int64) {
	for first, last := range s.Runs() {
		if first > ch.seqs[len(ch.seqs)-1] {
			break
		}
		i, _ := slices.BinarySearch(ch.seqs, first)
		for ; i < len(ch.seqs) && ch.seqs[i] <= last; i++ {
			ch.met[i] = true
			n++
		}
	}
	return n
}

// report reports what differs in the cut.
func (c *cutComparison) report() {
	for i, d := range c.diffs {
		if d.seqs.Empty() {
			continue
		}
		f := c.log.finding(c.N, Differs, c.Plan.Blocks[i].Path(), "the messages that the stream holds",
			"other ones: "+d.first,
			"find out which of the two was changed; `nats stream get` shows the stream's")
		f.Seqs = d.seqs
		c.log.found(f)
	}
	if !c.uncaptured.Empty() {
		f := c.log.finding(c.N, Uncaptured, cutlog.PlanName(c.capture, c.N),
			"each message that the stream holds in a file, or skipped, or lost",
			"messages that the plan counts as absent, or as dropped by the stream",
			"capture the stream again, as another capture, and report this as a bug")
		f.Seqs = c.uncaptured
		c.log.found(f)
	}
	c.reportAdded()
}
