package exactlyonce

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// A consumer that leaves out a sequence says that the stream does not have it. It may be wrong: its filter may have
// been edited and edited back, another client may have reset it, the replica that serves it may be damaged, or a server
// may have a bug. So the stream's leader is asked, too, before a cut. Without a filter, and if few messages were
// deleted, each hole is compared with the stream's list of them. Otherwise some runs of missing sequences are looked
// up, which are chosen at random. If nothing is missing, nothing is asked.

const (
	witnessShare   = 100   // there is one request for so many messages of a cut
	witnessLeast   = 4     // requests for a cut, at least
	witnessMost    = 64    // requests for a cut, at most
	witnessWorkers = 8     // requests at the same time
	witnessFilters = 8     // filters that are asked for in one run, at most
	witnessList    = 20000 // deleted messages of a stream whose list is still asked for; then each hole is looked up
)

// witness asks the stream's leader about the sequences that the cut does not have. If the leader has a message that was
// passed over, the error wraps reader.ErrDisturbed. Other errors are those of an unanswered question or of
// reader.Reader.Check. The goroutine of the feed calls it.
func (rd *reading) witness(ctx context.Context, c *engine.Cut, info reader.StreamInfo) error {
	if c.Absent() == 0 {
		rd.k.settleDoubt(c, cutlog.SeqSet{})
		return nil
	}
	// Before its first sequence the stream has nothing. Up to its ack floor a consumer delivers nothing, but somebody may
	// have moved the floor, and the stream may still have what no file has.
	holes := c.Holes(info.FirstSeq, c.Through)
	seq, err := rd.k.refute(ctx, c, holes, info)
	if err == nil && seq == 0 {
		rd.witnessed.LeftOut, err = rd.k.leftOut(ctx, holes, info)
	}
	if err != nil {
		return fmt.Errorf("ask the stream about %d missing sequences of (%d, %d]: %w", holes.Count(), c.From, c.Through, err)
	}
	if !holes.Empty() { // the answers count only if they are of the stream that was read
		if err := rd.streamReader.Check(ctx); err != nil {
			return err
		}
	}
	if seq == 0 {
		rd.k.settleDoubt(c, holes)
		return nil
	}
	rd.k.doubt = doubt{through: c.Through, holes: holes, times: rd.k.doubt.times + 1}
	rd.k.run.Observer.Observe(capture.Unwitnessed{
		Seq: seq, From: c.From, To: c.Through, Missing: holes.Count(),
		Server: rd.k.stream.Server(), Times: rd.k.doubt.times,
	})
	return fmt.Errorf("%w: stream sequence %d was passed over and is in the stream", reader.ErrDisturbed, seq)
}

// settleDoubt reports how many of the messages that consumers had passed over are in the cut c, which lacks holes. It
// forgets the doubt about this part of the stream.
func (k *Keeper) settleDoubt(c *engine.Cut, holes cutlog.SeqSet) {
	if k.doubt.times == 0 {
		return
	}
	var span cutlog.SeqSet
	span.AddRange(c.From+1, c.Through)
	later := k.doubt.holes.Minus(span)
	doubted := k.doubt.holes.Minus(later)
	if recovered := doubted.Minus(holes).Count(); recovered > 0 {
		k.run.Observer.Observe(capture.Recovered{Messages: recovered})
	}
	if k.doubt.holes = later; c.Through >= k.doubt.through {
		k.doubt = doubt{}
	}
}

// refute looks for a message of this capture that the stream has at one of the holes. It returns its sequence, or 0 if
// it finds none.
func (k *Keeper) refute(
	ctx context.Context, c *engine.Cut, holes cutlog.SeqSet, info reader.StreamInfo,
) (seq uint64, err error) {
	if holes.Empty() {
		return 0, nil
	}
	if len(k.cfg.Filter) == 0 && info.Deleted <= witnessList {
		return k.refuteByList(ctx, holes)
	}
	filters := k.cfg.Filter
	if len(filters) == 0 {
		filters = []string{">"}
	}
	filters = sample(slices.Values(filters), witnessFilters)
	budget := min(max(int(c.Messages)/witnessShare, witnessLeast), witnessMost)
	var runs []run
	all := func(yield func(run) bool) {
		for first, last := range holes.Runs() {
			if !yield(run{first, last}) {
				return
			}
		}
	}
	runs = sample(all, max(budget/len(filters), 1))
	found := make([]uint64, len(runs)*len(filters))
	if len(found) == 0 {
		return 0, nil
	}
	err = parallel.Each(ctx, witnessWorkers, len(found), func(ctx context.Context, i int) (err error) {
		r := runs[i/len(filters)]
		found[i], err = k.storedIn(ctx, r, filters[i%len(filters)])
		return err
	})
	return slices.Max(found), err
}

// leftOut returns the holes at which the stream has a message, which the filter of the capture leaves out. If too many
// messages are deleted to list them, none is known.
func (k *Keeper) leftOut(ctx context.Context, holes cutlog.SeqSet, info reader.StreamInfo) (cutlog.SeqSet, error) {
	if len(k.cfg.Filter) == 0 || holes.Empty() || info.Deleted > witnessList {
		return cutlog.SeqSet{}, nil
	}
	var deleted cutlog.SeqSet
	if info.Deleted > 0 {
		var err error
		if deleted, info, err = k.stream.Deleted(ctx); err != nil {
			return cutlog.SeqSet{}, err
		}
	}
	var there cutlog.SeqSet
	if info.FirstSeq <= info.LastSeq {
		there.AddRange(max(info.FirstSeq, 1), info.LastSeq)
	}
	there = there.Minus(deleted)
	return holes.Minus(holes.Minus(there)), nil
}

// run is the sequences from first to last, both included.
type run struct{ first, last uint64 }

// storedIn returns the sequence of a message of the stream in a run whose subject matches a filter, or 0 if there is
// none.
func (k *Keeper) storedIn(ctx context.Context, r run, filter string) (uint64, error) {
	m, err := k.stream.NextFor(ctx, r.first, filter)
	switch {
	case errors.Is(err, reader.ErrMessageNotFound), errors.Is(err, reader.ErrStreamNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case m.Seq <= r.last:
		return m.Seq, nil
	}
	return 0, nil
}

// refuteByList compares all holes with the stream's list of deleted messages.
func (k *Keeper) refuteByList(ctx context.Context, holes cutlog.SeqSet) (uint64, error) {
	deleted, now, err := k.stream.Deleted(ctx)
	if errors.Is(err, reader.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for first := range holes.Minus(deleted).All() {
		if first >= now.FirstSeq && first <= now.LastSeq {
			return first, nil
		}
	}
	return 0, nil
}

// sample returns n of the values, each with the same chance, or all of them if there are not more than n.
func sample[T any](all func(yield func(T) bool), n int) (taken []T) {
	seen := 0
	for v := range all {
		seen++
		switch i := rand.IntN(seen); {
		case len(taken) < n:
			taken = append(taken, v)
		case i < n:
			taken[i] = v
		}
	}
	return taken
}
