package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
)

// streamConfigs checks the records of how the stream was configured. Each names the one before it.
func (l *logCheck) streamConfigs(ctx context.Context) error {
	there := map[string]bool{}    // by ID: was listed
	before := map[string]uint64{} // by ID: number of a record that names it
	for _, name := range l.streams {
		_, id, _ := cutlog.ParseStreamName(name)
		there[id] = true
		c, err := l.streamConfig(ctx, name)
		if err != nil {
			return err
		}
		before[c.Before] = c.N
	}
	delete(before, "")
	for _, id := range slices.Sorted(maps.Keys(before)) {
		if there[id] {
			continue
		}
		name := cutlog.StreamName(l.capture.name, id)
		found, err := l.archive.holds(ctx, name)
		if err := l.reading(err); err != nil {
			return err
		}
		if err == nil && !found {
			l.found(l.finding(0, Missing, name, fmt.Sprintf("a record that the one of plan %d names", before[id]),
				"nothing", adviceLog))
		}
	}
	return ctx.Err()
}

// streamConfig checks one record. It returns the zero record if that cannot be used.
func (l *logCheck) streamConfig(ctx context.Context, name string) (cutlog.StreamConfig, error) {
	c, err := l.capture.log.ReadStreamConfig(ctx, name)
	if err := l.reading(ifUnreadable(err)); err != nil {
		return cutlog.StreamConfig{}, err
	}
	if errors.Is(err, fs.ErrNotExist) { // a list may have what is not there any more
		return cutlog.StreamConfig{}, nil
	}
	if err != nil {
		return cutlog.StreamConfig{}, l.reportFault(ctx, err)
	}
	if p := l.newest.Plan; p != nil && c.Stream.Name != p.Stream.Name {
		l.found(l.finding(0, Contradicts, name, fmt.Sprintf("the configuration of stream %q, as in the plans", p.Stream.Name),
			fmt.Sprintf("that of stream %q", c.Stream.Name), adviceRestore))
	}
	return c, nil
}
