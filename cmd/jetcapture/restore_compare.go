package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// compareSamples compares the messages that were kept with those of the stream.
func (r *restorer) compareSamples(ctx context.Context) error {
	source := reader.NewSource(r.nc, r.prefix, r.name)
	for _, want := range r.kept {
		got, err := source.Get(ctx, want.Seq)
		if errors.Is(err, reader.ErrMessageNotFound) && r.result.Stored < r.result.Messages {
			continue // its own time to live was over
		}
		if err != nil {
			return err
		}
		m := storedMessage(got)
		if m.Subject == string([]rune(want.Subject)) { // as JSON, the server's answer, has one that is not UTF-8
			m.Subject = want.Subject
		}
		if what := difference(&want.Message, &m); what != "" {
			return fmt.Errorf("stream sequence %d: %s differs", want.Seq, what)
		}
	}
	return nil
}

// compareAll compares all messages.
func (r *restorer) compareAll(ctx context.Context) (err error) {
	s := newStream(r.nc, r.prefix, cutlog.Format{Stream: r.name})
	defer func() { err = errors.Join(err, s.Close(context.WithoutCancel(ctx))) }()
	if _, err := s.Info(ctx); err != nil {
		return err
	}
	next, stop := iter.Pull2(s.Messages(ctx, r.result.First-1, r.result.Last))
	defer stop()
	missing := uint64(0)
	got, err, ok := next()
	for want, readErr := range r.from.Messages(ctx, r.sameAgain()) {
		if err = errors.Join(err, readErr); err != nil {
			return err
		}
		switch {
		case !want.IsMessage():
			continue
		case !ok || got.Seq > want.Seq:
			missing++
			continue
		case got.Seq < want.Seq:
			return fmt.Errorf("stream sequence %d is not in the archive", got.Seq)
		}
		if what := difference(&want.Message, &got); what != "" {
			return fmt.Errorf("stream sequence %d: %s differs", want.Seq, what)
		}
		got, err, ok = next()
	}
	if allowed := r.result.Messages - min(r.result.Stored, r.result.Messages); missing != allowed {
		return fmt.Errorf("%s missing", counted(int64(missing), "message"))
	}
	return nil
}

// sameAgain are the options to read once more what was restored.
func (r *restorer) sameAgain() archive.ReadOptions {
	o := r.choice.reading()
	if r.skipDamaged {
		o.Damaged = func(*archive.FileError) error { return nil } // it was said the first time
	}
	return o
}

// difference names the part in which two messages differ; empty: they do not.
func difference(a, b *archive.Message) string {
	switch {
	case !a.Time.Equal(b.Time):
		return "the time"
	case a.Subject != b.Subject:
		return "the subject"
	case !bytes.Equal(a.Data, b.Data):
		return "the payload"
	case !bytes.Equal(a.HeaderBlock(), b.HeaderBlock()):
		return "the header"
	}
	return ""
}
