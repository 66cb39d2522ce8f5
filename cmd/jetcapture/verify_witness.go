package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
)

const (
	witnessList = 20_000 // deleted messages that the stream may list: then every gap is compared with the list
	witnessAsks = 32     // gaps that are asked for in any case; of n gaps, about 32 more for each time that n doubles
)

// witness is what a verification knows of the gaps that its consumer leaves, from the stream's leader.
type witness struct {
	filtered bool // the consumer has the filter of the capture
	most     int  // deleted messages that the stream may list

	listed  bool // deleted and now are known
	deleted cutlog.SeqSet
	now     reader.StreamInfo

	gaps  int
	doubt bool // the consumer has left out what the stream has: no gap is believed any more
}

// passedOver yields what the stream has of the sequences after the first one, up to last, which the consumer has left
// out. It returns false when the iteration is over.
func (s *stream) passedOver(
	ctx context.Context, after, last uint64, yield func(archive.Message, error) bool,
) bool {
	if after >= last {
		return true
	}
	has, err := s.hasBetween(ctx, after+1, last)
	if err != nil {
		yield(archive.Message{}, err)
		return false
	}
	if !has {
		return true
	}
	s.second.doubt = true
	for rest := reader.OpenStored(s.source, s.filter, after, last); !rest.Done(); {
		b, err := rest.Next(ctx)
		if err != nil {
			yield(archive.Message{}, err)
			return false
		}
		for _, m := range b.Messages {
			message, ok := deliveredMessage(m)
			if !ok || strings.ContainsRune(m.Msg.Subject, utf8.RuneError) { // as in oneByOne
				continue
			}
			if !yield(message, nil) {
				return false
			}
		}
	}
	return true
}

// hasBetween asks whether the stream has a message from first to last. Where a list of what it lacks would be too long,
// it asks for some gaps at random.
func (s *stream) hasBetween(ctx context.Context, first, last uint64) (bool, error) {
	w := &s.second
	if !w.filtered && int64(s.info.Deleted) <= int64(w.most) {
		return s.listHas(ctx, first, last)
	}
	w.gaps++
	if !w.doubt && w.gaps > witnessAsks && rand.IntN(w.gaps) >= witnessAsks {
		return false, nil
	}
	filters := s.filter
	if !w.filtered || len(filters) == 0 {
		filters = []string{">"}
	}
	for _, filter := range filters {
		m, err := s.source.NextFor(ctx, first, filter)
		switch {
		case errors.Is(err, reader.ErrMessageNotFound):
		case err != nil:
			return false, err
		case m.Seq <= last:
			return true, nil
		}
	}
	return false, nil
}

// listHas compares a gap with the list of what the stream does not have.
func (s *stream) listHas(ctx context.Context, first, last uint64) (_ bool, err error) {
	w := &s.second
	if !w.listed {
		if w.deleted, w.now, err = s.source.Deleted(ctx); err != nil {
			return false, err
		}
		w.listed = true
	}
	var gap cutlog.SeqSet
	if first, last = max(first, w.now.FirstSeq), min(last, w.now.LastSeq); first <= last {
		gap.AddRange(first, last)
	}
	return !gap.Minus(w.deleted).Empty(), nil
}
