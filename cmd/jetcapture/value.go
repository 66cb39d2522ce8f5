package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // for machines without a database of time zones, such as small containers

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// A value is one option within settings, as text. Set is called each time that the option is given; its error quotes
// the text. String is what Set would have to be given, empty for the empty value.
type value interface {
	Set(text string) error
	String() string
}

// parsed is a value that a function parses and another prints.
type parsed[T any] struct {
	to     *T
	parse  func(text string) (T, error)
	format func(T) string
}

func (p parsed[T]) Set(text string) error {
	v, err := p.parse(text)
	if err == nil {
		*p.to = v
	}
	return err
}

func (p parsed[T]) String() string { return p.format(*p.to) }

// listed is a value that can be given several times, each for one element.
type listed[T any] struct {
	to     *[]T
	parse  func(text string) (T, error)
	format func(T) string
}

func (l listed[T]) Set(text string) error {
	v, err := l.parse(text)
	if err == nil {
		*l.to = append(*l.to, v)
	}
	return err
}

func (l listed[T]) String() string { return "" } // no list has a default

// repeatable is a value of which all texts count, not only the last one.
type repeatable interface {
	reset()
	texts() []string
}

func (l listed[T]) reset() { *l.to = nil }

// texts are what Set would have to be given, one after the other.
func (l listed[T]) texts() (texts []string) {
	for _, v := range *l.to {
		texts = append(texts, l.format(v))
	}
	return texts
}

// switched is a value that is true or false. A flag of it needs no text.
type switched struct{ parsed[bool] }

// boolean takes what strconv.ParseBool does.
func boolean(to *bool) value {
	return switched{parsed[bool]{to, func(text string) (bool, error) {
		b, err := strconv.ParseBool(text)
		if err != nil {
			return false, fmt.Errorf("%q is neither true nor false", text)
		}
		return b, nil
	}, strconv.FormatBool}}
}

func text(to *string) value {
	return parsed[string]{to, func(s string) (string, error) { return s, nil }, func(s string) string { return s }}
}

// texts takes each text as it is: a comma separates nothing.
func texts(to *[]string) value {
	return listed[string]{to, func(s string) (string, error) { return s, nil }, func(s string) string { return s }}
}

// subjects takes subjects of NATS, with wildcards. One that no message can have would choose nothing, in silence.
func subjects(to *[]string) value {
	return listed[string]{to, func(s string) (string, error) { return s, wire.CheckSubject(s) }, func(s string) string {
		return s
	}}
}

// worded is a value that is one of a few words.
type worded struct {
	value
	words []string
}

// choice is one of a few words.
func choice[T ~string](to *T, words ...T) value {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return worded{parsed[T]{to, func(s string) (T, error) {
		if !slices.Contains(words, T(s)) {
			return "", fmt.Errorf("%q is not one of %s", s, strings.Join(all, ", "))
		}
		return T(s), nil
	}, func(w T) string { return string(w) }}, all}
}

// logLevel is a level of the log. It takes what slog.Level does, such as info+2, too.
func logLevel(to *slog.Level) value {
	words := []string{"debug", "info", "warn", "error"}
	return worded{parsed[slog.Level]{to, func(s string) (l slog.Level, err error) {
		if err := l.UnmarshalText([]byte(s)); err != nil {
			return l, fmt.Errorf("%q is not one of %s", s, strings.Join(words, ", "))
		}
		return l, nil
	}, func(l slog.Level) string { return strings.ToLower(l.String()) }}, words}
}

func starting(to *jetcapture.Start) value {
	return parsed[jetcapture.Start]{to, jetcapture.ParseStart, jetcapture.Start.String}
}

// sources are SOURCE expressions, each with a name or without.
func sources(to *[]source.Named) value {
	return listed[source.Named]{to, source.ParseNamed, source.Named.String}
}

// columns are named sources with a type.
func columns(to *[]column.Column) value {
	return listed[column.Column]{to, column.Parse, column.Column.String}
}

// count is a whole number, not negative.
func count(to *int) value {
	return parsed[int]{to, func(s string) (int, error) {
		n, err := strconv.ParseInt(s, 10, 0)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("%q is not a whole number such as 100000", s)
		}
		return int(n), nil
	}, strconv.Itoa}
}

// timezone is a time zone of the IANA database. That of the machine is refused: other machines have another one.
func timezone(to **time.Location) value {
	return parsed[*time.Location]{to, func(s string) (*time.Location, error) {
		zone, err := time.LoadLocation(s)
		if err != nil || s == "" || s == "Local" {
			return nil, fmt.Errorf("%q is not a time zone such as UTC or Europe/Berlin", s)
		}
		return zone, nil
	}, func(z *time.Location) string { return z.String() }}
}

// ranked is a text that keeps how strongly it was given.
type ranked struct {
	parsed[string]
	to *natsconn.Setting
}

// rankedText is a setting of the connection. choices.set ranks it.
func rankedText(to *natsconn.Setting) value {
	plain := func(s string) (string, error) { return s, nil }
	return ranked{parsed[string]{&to.Text, plain, func(s string) string { return s }}, to}
}

// moment is a time as a user writes it.
func moment(to *time.Time) value {
	return parsed[time.Time]{to, parseMoment, func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}}
}

// parseMoment reads a time or a day. What has no zone is UTC, as the times in an archive are.
func parseMoment(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time, write it as in 2026-11-23 or 2026-11-23T15:00:00Z", s)
}

// sequence is a stream sequence.
func sequence(to *uint64) value {
	return parsed[uint64]{to, func(s string) (uint64, error) {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n == 0 {
			return 0, fmt.Errorf("%q is not a stream sequence: these are whole numbers from 1 on", s)
		}
		return n, nil
	}, func(n uint64) string { return strconv.FormatUint(n, 10) }}
}
