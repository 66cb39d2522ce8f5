package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
)

// matchingNow returns what a run with these settings would begin with: in place of a pattern the captures of the
// streams that it chooses now. It writes to w what a pattern leaves out. Its error names the patterns whose streams
// cannot be listed, and those without a stream, if a run would fail for that; captures has the others even then.
func matchingNow(ctx context.Context, all []*settings, w io.Writer) (captures []*settings, err error) {
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
	list := &matchingStreams{all: slices.DeleteFunc(slices.Clone(all), (*settings).isPattern)}
	for _, s := range slices.SortedFunc(slices.Values(all), byUnit) {
		if s.isPattern() {
			err = errors.Join(err, s.inUnit(list.add(ctx, s, log)))
		}
	}
	return list.all, err
}

// matchingStreams lists captures of streams, and starts none.
type matchingStreams struct {
	all     []*settings
	pattern *settings // the one whose streams are added
}

// add adds the captures of a pattern.
func (m *matchingStreams) add(ctx context.Context, s *settings, log *slog.Logger) error {
	one := *s
	one.capture.library.Wait = 0 // what a run waits for is what is to be seen here
	m.pattern = &one
	f := newFollower(&one, m, log)
	defer f.close()
	err := f.lookOnce(ctx)
	f.left.tell(f.log)
	switch {
	case err != nil || f.matching > 0:
		return err
	case s.capture.library.Once || len(m.all) == 0:
		return errNoMatch(s)
	}
	f.log.Warn("no stream matches now, a run waits for one")
	return nil
}

// own implements streamCaptures.
func (m *matchingStreams) own(context.Context) (map[string]bool, error) {
	return map[string]bool{}, nil
}

// start implements streamCaptures.
func (m *matchingStreams) start(_ context.Context, stream string, appeared bool) error {
	one := m.pattern.of(stream, appeared)
	same := func(s *settings) bool { return s.capture.name() == one.capture.name() }
	if i := slices.IndexFunc(m.all, same); i >= 0 {
		return errTaken(one, m.all[i])
	}
	m.all = append(m.all, one)
	return nil
}

// end implements streamCaptures.
func (m *matchingStreams) end(context.Context, []string) error { return nil }
