package main

import (
	"context"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/nats-io/nats.go"
)

// drySource is a source of a key or a column, and how many messages have no value for it.
type drySource struct {
	source source.Source
	empty  int64
}

// drySources returns the sources of a form, each once.
func drySources(f form.Form) (all []drySource) {
	seen := map[string]bool{}
	add := func(s source.Source) {
		if !seen[s.String()] {
			seen[s.String()] = true
			all = append(all, drySource{source: s})
		}
	}
	for _, k := range f.Keys {
		add(k.Source)
	}
	if f.IsTable() {
		for _, c := range f.Columns {
			add(c.Source)
		}
	}
	return all
}

// count looks at a message, whether it is poison or not.
func (d *rehearsal) count(m *nats.Msg) {
	meta, err := m.Metadata()
	if err != nil {
		return
	}
	message := source.Message{
		Subject: m.Subject, Header: m.Header, Data: m.Data, Seq: meta.Sequence.Stream, Time: meta.Timestamp,
	}
	for i := range d.sources {
		switch d.sources[i].source.Eval(&message).Kind {
		case source.Missing, source.NotJSON:
			d.sources[i].empty++
		}
	}
}

// warn adds what a run would not say, or too late.
func (d *rehearsal) warn(ctx context.Context, s *captureSettings, nc *nats.Conn, apiPrefix string) error {
	for _, src := range d.sources {
		if d.Messages > 0 && src.empty == d.Messages {
			d.Warnings = append(d.Warnings, fmt.Sprintf("%s has a value in none of the messages: is it misspelt?", src.source))
		}
	}
	info, err := reader.NewSource(nc, apiPrefix, d.Stream).Info(ctx)
	if err != nil {
		return err
	}
	switch durable := s.library.NATSConsumerName != ""; {
	case info.Retention == nats.LimitsPolicy:
	case !durable:
		d.Warnings = append(d.Warnings, fmt.Sprintf("stream %s has %s retention: a run needs --consumer-name, and "+
			"acknowledges what it has stored", d.Stream, info.Retention))
	case info.Retention == nats.WorkQueuePolicy:
		d.Warnings = append(d.Warnings, fmt.Sprintf("stream %s is a work queue: a run acknowledges what it has stored, "+
			"which deletes it from the stream", d.Stream))
	}
	return nil
}

// printWarnings prints them for people.
func (d *rehearsal) printWarnings(w io.Writer) {
	for _, text := range d.Warnings {
		say(w, "\nWarning: %s\n", printable(text))
	}
}
