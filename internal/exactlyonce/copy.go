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

	trusted string                // sum of the newest cut that was compared with the log
	config  cutlog.StreamConfig   // the newest one of the incarnation; zero N: not known
	all     []archive.Incarnation // as they were when last looked
}

// followEvery is how often a copy looks for new cuts of its source.
const followEvery = 2 * time.Second

// ErrNothingToCopy says that the source of a copy has no finished cut.
var ErrNothingToCopy = errors.New("nothing to convert: no cut is finished yet")

// ErrOtherSource says that a capture was made from another archive.
var ErrOtherSource = errors.New("it was made from another archive, or that one has lost its newest cuts")

// Follows implements engine.Copied.
func (s *copySource) Follows(ctx context.Context, head cutlog.Head) (*engine.CopiedOpening, error) {
	i, err := s.locate(ctx, head)
	if err != nil {
		return nil, err
	}
	switch {
	case head.Plan == nil && (len(s.all) == 0 || s.all[0].Newest.N == 0):
		return nil, fmt.Errorf("capture %s: %w", s.from.Name(), ErrNothingToCopy)
	case head.Plan == nil:
		return s.opening(ctx, s.all[0])
	case i+1 == len(s.all), head.Plan.To < s.all[i].Newest.Plan.To, s.all[i+1].Newest.N == 0:
		return nil, nil
	}
	return s.opening(ctx, s.all[i+1])
}

// locate looks at the source, and returns the index of the incarnation that the head is made from.
func (s *copySource) locate(ctx context.Context, head cutlog.Head) (int, error) {
	err := s.keeper.retry(ctx, "read the log of the source", func(ctx context.Context) (err error) {
		s.all, err = s.from.Incarnations(ctx)
		return err
	})
	if err != nil || head.Plan == nil {
		return 0, err
	}
	if head.Plan.Source == nil {
		return 0, engine.ErrNotCopied
	}
	for i, in := range s.all {
		if in.Opening.Incarnation == head.Plan.Source.Incarnation {
			return i, s.trust(ctx, head.Plan)
		}
	}
	return 0, s.other(head.Plan)
}

// trust checks that the source still has the cut that the newest plan was made from.
func (s *copySource) trust(ctx context.Context, p *cutlog.Plan) error {
	if p.Source.Sum == s.trusted {
		return nil
	}
	cut, err := s.cut(ctx, p.Source.LastCut)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.other(p)
	case err != nil:
		return err
	case cut.DoneSum != p.Source.Sum:
		return s.other(p)
	}
	s.trusted = p.Source.Sum
	return nil
}

// other is the error of a source that cannot be the one of the log.
func (s *copySource) other(p *cutlog.Plan) error {
	return fmt.Errorf("cut %d of capture %s was made from cut %d of capture %s: %w; nothing was written",
		p.N, s.keeper.writer.Capture, p.Source.LastCut, p.Source.Capture, ErrOtherSource)
}

// cut reads a cut of the source. Any goroutine may call it.
func (s *copySource) cut(ctx context.Context, n uint64) (cut archive.Cut, err error) {
	permanent := func(err error) bool { return errors.Is(err, fs.ErrNotExist) || permanentlyUnreadable(err) }
	err = s.keeper.run.Retry(ctx, "read a record of the source", permanent, func(ctx context.Context) error {
		cut, err = s.from.Cut(ctx, n)
		return err
	})
	return cut, err
}

// opening describes an incarnation of the source.
func (s *copySource) opening(ctx context.Context, in archive.Incarnation) (*engine.CopiedOpening, error) {
	cut, err := s.cut(ctx, in.Opening.N)
	if err != nil {
		return nil, err
	}
	return &engine.CopiedOpening{Plan: in.Opening, Source: cutlog.Origin{
		Capture: s.from.Name(), Incarnation: in.Opening.Incarnation, FirstCut: cut.N, LastCut: cut.N, Sum: cut.DoneSum,
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
	if err := s.readConfig(ctx, in.Opening.Stream); err != nil {
		return reader.StreamInfo{}, err
	}
	info := reader.StreamInfo{
		Name: in.Opening.Stream.Name, Created: in.Opening.Stream.Created, HasLeader: true, ConfiguredFirst: 1,
		FirstSeq: in.Opening.From + 1, LastSeq: end(in), Config: string(s.config.Config),
	}
	if i+1 < len(s.all) {
		info.LastSeq++
	}
	return info, nil
}

// end is the sequence up to which an incarnation is stored.
func end(in archive.Incarnation) uint64 {
	if in.Newest.N == 0 {
		return in.Opening.From
	}
	return in.Newest.Plan.To
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
