package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/archive/columnar"
	"github.com/jetcapture/jetcapture/internal/source"
)

// messageChoice chooses messages of an archive: the options that cat, grep and others have in common.
type messageChoice struct {
	capture      string
	option       string // that names the capture; empty: capture
	usual        string // that of a bucket, where none is named and the archive has it; may be empty
	seqs         seqRange
	read         archive.ReadOptions
	header, json []condition
	limit, tail  int
}

// group are the options.
func (m *messageChoice) group() group {
	return group{"Which messages", []option{
		{
			name: "capture", arg: "NAME", help: "of this capture; needed if the archive has several",
			value: text(&m.capture), complete: completeCaptures,
		},
		incarnationOption(&m.read.Incarnation),
		{
			name: "seq", arg: "N|FROM..TO", value: sequences(&m.seqs),
			help: "with this stream sequence, or from one to another; either end may be left out",
		},
		{
			name: "from", arg: "TIME", value: moment(&m.read.From),
			help: "stored by the stream at this time or later, such as 2026-11-23 or 2026-11-23T15:00:00Z",
		},
		{name: "to", arg: "TIME", help: "stored before this time", value: moment(&m.read.To)},
		{
			name: "subject", arg: "SUBJECT", value: subjects(&m.read.Subjects),
			help: "with a subject that matches; wildcards as in NATS; may be given again, for one subject or another",
		},
		{
			name: "key", arg: "SEGMENT", value: texts(&m.read.Key),
			help: "in files whose key begins with this segment, as in ls; given again, the next segment",
		},
		{
			name: "header", arg: "NAME[=VALUE]", value: conditions(&m.header, "header:"),
			help: "with this header, or with this value of it; may be given again, all must match",
		},
		{
			name: "json", arg: "PATH=VALUE", value: conditions(&m.json, "json:"),
			help: "with this value in the JSON payload, such as order.customer=7; a number as it is written there: 19.90 is " +
				"not 19.9; may be given again, all must match",
		},
		{name: "limit", arg: "N", help: "the first N of them; 0: all", value: count(&m.limit)},
		{name: "tail", arg: "N", help: "the last N of them; 0: all", value: count(&m.tail)},
	}}
}

// incarnationOption chooses a life of the stream.
func incarnationOption(to *string) option {
	return option{
		name: "incarnation", arg: "ID", value: text(to),
		help: "of this life of the stream, as ls --cuts names it, if it was made again or rolled back",
	}
}

// seqRange is a range of stream sequences, both ends included; 0: open.
type seqRange struct{ first, last uint64 }

// sequences is a stream sequence, or a range of them.
func sequences(to *seqRange) value {
	return parsed[seqRange]{to, parseSequences, func(r seqRange) string {
		if r == (seqRange{}) {
			return ""
		}
		return fmt.Sprintf("%d..%d", r.first, r.last)
	}}
}

func parseSequences(s string) (r seqRange, err error) {
	first, last, isRange := strings.Cut(s, "..")
	parse := func(text string) uint64 {
		if text == "" && isRange {
			return 0
		}
		n, parseErr := strconv.ParseUint(text, 10, 64)
		if parseErr != nil || n == 0 {
			err = fmt.Errorf("%q is neither a stream sequence nor a range such as 100..200, 100.. or ..200", s)
		}
		return n
	}
	r.first = parse(first)
	if r.last = r.first; isRange {
		r.last = parse(last)
	}
	if err == nil && r.last != 0 && r.last < r.first {
		err = fmt.Errorf("%q ends before it begins", s)
	}
	return r, err
}

// condition is a value that a message must have somewhere.
type condition struct {
	text   string
	source source.Source
	any    bool // any value will do
	value  string
}

// conditions are SOURCE expressions of one kind, each with a value after an equals sign. A header needs none.
func conditions(to *[]condition, kind string) value {
	return listed[condition]{to, func(s string) (condition, error) {
		where, want, valued := strings.Cut(s, "=")
		if !valued && kind != "header:" {
			return condition{}, fmt.Errorf("%q has no value: write PATH=VALUE", s)
		}
		src, err := source.Parse(kind + where)
		return condition{s, src, !valued, want}, err
	}, func(c condition) string { return c.text }}
}

// holds reports whether a message meets the condition.
func (c condition) holds(m *archive.Item) bool {
	v := c.source.Eval(&source.Message{Subject: m.Subject, Header: m.Header, Data: m.Data, Seq: m.Seq, Time: m.Time})
	switch v.Kind {
	case source.Missing, source.NotJSON:
		return false
	case source.Null:
		return c.any || c.value == "null"
	}
	return c.any || v.String() == c.value
}

// isFiltered reports whether not all messages of a range of sequences are chosen.
func (m *messageChoice) isFiltered() bool {
	r := &m.read
	return len(m.header)+len(m.json)+len(r.Subjects)+len(r.Key) > 0 || !r.From.IsZero() || !r.To.IsZero() ||
		m.seqs != seqRange{}
}

// pick returns the capture that is chosen, or the only one.
func (m *messageChoice) pick(ctx context.Context, a *archive.Archive) (*archive.Capture, error) {
	var all []*archive.Capture
	var names []string
	for c, err := range a.Captures(ctx) {
		if err != nil {
			return nil, err
		}
		if c.Name() == cmp.Or(m.capture, m.usual) {
			return c, nil
		}
		all, names = append(all, c), append(names, c.Name())
	}
	switch {
	case len(all) == 0:
		return nil, errNoCapture(a)
	case m.capture != "":
		return nil, fmt.Errorf("%s holds no capture %q: it has %s", a, m.capture, strings.Join(names, ", "))
	case len(all) > 1 && m.usual != "":
		return nil, noBucket(a, m.usual, names)
	case len(all) > 1:
		return nil, usagef("%s has several captures: choose one with --%s: %s", a, cmp.Or(m.option, "capture"),
			strings.Join(names, ", "))
	}
	return all[0], nil
}

// reading are the options of the archive's reader. Headers, JSON and numbers of messages are not among them.
func (m *messageChoice) reading() archive.ReadOptions {
	o := m.read
	if m.seqs.first > 0 {
		o.After = m.seqs.first - 1
	}
	o.Through, o.Formats = m.seqs.last, columnar.Formats()
	return o
}

// errStop ends each early, without an error.
var errStop = errors.New("stop")

// each calls f with the chosen messages, in the order of the stream, and with what lies between them. The item is valid
// until f returns.
func (m *messageChoice) each(ctx context.Context, c *archive.Capture, f func(*archive.Item) error) (err error) {
	o := m.reading()
	if m.tail > 0 {
		return m.eachOfTail(ctx, c, o, f)
	}
	n, stopped := 0, false
	o.Enough = func() bool { return stopped || n == m.limit && n > 0 } // so that what f has got is checked
	for item, err := range c.Messages(ctx, o) {
		switch {
		case err != nil:
			return err
		case !m.holds(item):
			continue
		}
		if err := f(item); errors.Is(err, errStop) {
			stopped = true
		} else if err != nil {
			return err
		}
		if item.IsMessage() {
			n++
		}
	}
	return nil
}

// eachOfTail is each for the last messages. They are kept in memory.
func (m *messageChoice) eachOfTail(
	ctx context.Context, c *archive.Capture, o archive.ReadOptions, f func(*archive.Item) error,
) (err error) {
	if !m.isFiltered() {
		if o.FirstCut, err = c.TailCut(ctx, int64(m.tail)); err != nil {
			return err
		}
	}
	var last []*archive.Item // a ring when it is full
	seen := 0
	for item, err := range c.Messages(ctx, o) {
		if err != nil {
			return err
		}
		if !item.IsMessage() || !m.holds(item) {
			continue
		}
		if len(last) < m.tail {
			last = append(last, item.Clone())
		} else {
			last[seen%m.tail] = item.Clone()
		}
		seen++
	}
	for i := range last {
		if i == m.limit && i > 0 {
			break
		}
		if err := f(last[(seen+i)%len(last)]); err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether a message meets all conditions. What is no message has none to meet.
func (m *messageChoice) holds(item *archive.Item) bool {
	if !item.IsMessage() {
		return true
	}
	no := func(c condition) bool { return !c.holds(item) }
	return !slices.ContainsFunc(m.header, no) && !slices.ContainsFunc(m.json, no)
}
