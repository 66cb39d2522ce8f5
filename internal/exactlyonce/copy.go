package exactlyonce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// copySource is the stream of a copy: the finished cuts of another capture. At any time it is one incarnation of that
// capture, the one that the head of the log is made from. All methods but Stream, Server and Consumers belong to the
// goroutine that opens readings, see Keeper.
type copySource struct {
	from   *archive.Capture
	keeper *Keeper
	poll   time.Duration // between two looks for new cuts

	trusted string              // sum of the newest cut that was compared with the log
	config  cutlog.StreamConfig // the newest one of the incarnation; zero N: not known
	all     []copiedLife        // as they were when last looked
}

// copiedLife is an incarnation of the source. It is kept while messages are copied, so it has no list of files, which
// may take megabytes.
type copiedLife struct {
	opening *cutlog.Plan // without its blocks
	newest  uint64       // number of the newest finished cut; 0: there is none yet
	end     uint64       // the sequence up to which it is stored
}

// followEvery is how often a copy looks for new cuts of its source.
const followEvery = 2 * time.Second

// ErrNothingToCopy says that the source of a copy has no finished cut.
var ErrNothingToCopy = errors.New("nothing to convert: no cut is finished yet")

// ErrOtherSource says that a capture was made from another archive.
var ErrOtherSource = errors.New("the source is another archive now, or has lost its newest cuts")

// Follows implements engine.Copied.
func (s *copySource) Follows(ctx context.Context, head cutlog.Head) (*engine.CopiedOpening, error) {
	i, err := s.locate(ctx, head)
	if err != nil {
		return nil, err
	}
	switch {
	case head.Plan == nil && (len(s.all) == 0 || s.all[0].newest == 0):
		return nil, fmt.Errorf("capture %s: %w", s.from.Name(), ErrNothingToCopy)
	case head.Plan == nil:
		return s.opening(ctx, s.all[0])
	case i+1 == len(s.all), head.Plan.To < s.all[i].end, s.all[i+1].newest == 0:
		return nil, nil
	}
	return s.opening(ctx, s.all[i+1])
}

// locate looks at the source, and returns the index of the incarnation that the head is made from.
func (s *copySource) locate(ctx context.Context, head cutlog.Head) (int, error) {
	err := s.keeper.retry(ctx, "read the log of the source", func(ctx context.Context) (err error) {
		s.all, err = s.lives(ctx)
		return err
	})
	if err != nil || head.Plan == nil {
		return 0, err
	}
	if head.Plan.Source == nil {
		return 0, engine.ErrNotCopied
	}
	for i, in := range s.all {
		if in.opening.Incarnation == head.Plan.Source.Incarnation {
			return i, s.trust(ctx, head.Plan)
		}
	}
	return 0, s.other(head.Plan)
}

// lives reads the incarnations of the source, oldest first. Any goroutine may call it.
func (s *copySource) lives(ctx context.Context) ([]copiedLife, error) {
	all, err := s.from.Incarnations(ctx)
	lives := make([]copiedLife, len(all))
	for i, in := range all {
		opening := *in.Opening
		opening.Blocks = nil
		lives[i] = copiedLife{&opening, in.Newest.N, opening.From}
		if in.Newest.N > 0 {
			lives[i].end = in.Newest.Plan.To
		}
	}
	return lives, err
}

// trust checks that the source still has the cut that the newest plan was made from.
func (s *copySource) trust(ctx context.Context, p *cutlog.Plan) error {
	if p.Source.Sum == s.trusted {
		return nil
	}
	sum, err := s.doneSum(ctx, p.Source.LastCut)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.other(p)
	case err != nil:
		return err
	case sum != p.Source.Sum:
		return s.other(p)
	}
	s.trusted = p.Source.Sum
	return nil
}

// other is the error of a source that cannot be the one of the log.
func (s *copySource) other(p *cutlog.Plan) error {
	return fmt.Errorf("capture %s: its cut %d was made from cut %d of capture %s of the source: %w; nothing was written: "+
		"convert to another place, or give this capture another name",
		s.keeper.writer.Capture, p.N, p.Source.LastCut, p.Source.Capture, ErrOtherSource)
}

// doneSum returns the sum of the record that finished a cut of the source. Any goroutine may call it.
func (s *copySource) doneSum(ctx context.Context, n uint64) (sum string, err error) {
	permanent := func(err error) bool { return errors.Is(err, fs.ErrNotExist) || permanentlyUnreadable(err) }
	err = s.keeper.run.Retry(ctx, "read a record of the source", permanent, func(ctx context.Context) error {
		sum, err = s.from.DoneSum(ctx, n)
		return err
	})
	return sum, err
}

// opening describes an incarnation of the source.
func (s *copySource) opening(ctx context.Context, in copiedLife) (*engine.CopiedOpening, error) {
	n := in.opening.N
	sum, err := s.doneSum(ctx, n)
	if err != nil {
		return nil, err
	}
	return &engine.CopiedOpening{Plan: in.opening, Source: cutlog.Origin{
		Capture: s.from.Name(), Incarnation: in.opening.Incarnation, FirstCut: n, LastCut: n, Sum: sum,
	}}, nil
}

// Info implements stream. An incarnation that another one follows seems to have one sequence more than it has, so that
// a run with Once does not end there.
func (s *copySource) Info(ctx context.Context) (reader.StreamInfo, error) {
	i, err := s.locate(ctx, s.keeper.writer.Head)
	if err != nil {
		return reader.StreamInfo{}, err
	}
	if len(s.all) == 0 {
		return reader.StreamInfo{}, fmt.Errorf("capture %s: %w", s.from.Name(), ErrNothingToCopy)
	}
	in := s.all[i]
	if err := s.readConfig(ctx, in.opening.Stream); err != nil {
		return reader.StreamInfo{}, err
	}
	info := reader.StreamInfo{
		Name: in.opening.Stream.Name, Created: in.opening.Stream.Created, HasLeader: true, ConfiguredFirst: 1,
		FirstSeq: in.opening.From + 1, LastSeq: in.end, Config: string(s.config.Config),
	}
	if i+1 < len(s.all) {
		info.LastSeq++
	}
	return info, nil
}

// readConfig looks for the newest configuration of a stream that the source has recorded.
func (s *copySource) readConfig(ctx context.Context, of cutlog.Stream) error {
	return s.keeper.retry(ctx, "read the configuration of the stream in the source", func(ctx context.Context) error {
		s.config = cutlog.StreamConfig{}
		for c, err := range s.from.StreamConfigs(ctx) {
			if err != nil {
				return err
			}
			if c.Stream.Created.Equal(of.Created) {
				s.config = c
			}
		}
		return nil
	})
}

// openOrdered implements stream.
func (s *copySource) openOrdered(
	_ context.Context, cfg reader.OrderedConfig, at reader.Position,
) (streamReader, error) {
	in := s.keeper.writer.Head.Plan
	return openCopy(s, in.Source.Incarnation, in.Stream, cfg, at.After), nil
}

// Stream implements reader.Lookup.
func (s *copySource) Stream() string { return s.keeper.entry.Format.Stream }

// Server implements stream.
func (s *copySource) Server() string { return s.config.Server }

// Consumers implements stream.
func (s *copySource) Consumers(context.Context) ([]json.RawMessage, error) {
	return s.config.Consumers, nil
}

// Get implements reader.Lookup.
func (s *copySource) Get(ctx context.Context, seq uint64) (reader.StoredMessage, error) {
	return s.first(ctx, archive.ReadOptions{After: seq - 1, Through: seq})
}

// NextFor implements reader.Lookup.
func (s *copySource) NextFor(ctx context.Context, seq uint64, filter string) (reader.StoredMessage, error) {
	return s.first(ctx, archive.ReadOptions{After: seq - 1, Subjects: []string{filter}})
}

// first reads the first of the chosen messages.
func (s *copySource) first(ctx context.Context, o archive.ReadOptions) (reader.StoredMessage, error) {
	o.Incarnation = s.keeper.writer.Head.Plan.Source.Incarnation
	for item, err := range s.from.Messages(ctx, o) {
		switch {
		case err != nil:
			return reader.StoredMessage{}, err
		case item.IsMessage():
			return storedItem(item.Clone()), nil
		}
	}
	return reader.StoredMessage{}, reader.ErrMessageNotFound
}

// Deleted implements stream. Only the witness of a consumer asks for it.
func (s *copySource) Deleted(ctx context.Context) (cutlog.SeqSet, reader.StreamInfo, error) {
	info, err := s.Info(ctx)
	return cutlog.SeqSet{}, info, err
}

// Before implements stream. A copy begins where its source does.
func (s *copySource) Before(context.Context, string, time.Time) (uint64, error) {
	return 0, errors.New("a copy begins where its source does, not at a time")
}
