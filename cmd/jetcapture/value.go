package main

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/source"
)

// A value is one option within settings, as text. Set is called once for each time that the option is given; its error quotes the text.
// String is what Set would have to be given, empty for the empty value.
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

// listed is a value that can be given several times.
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

// repeatable is a value for which each text counts, not only the last one.
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

func texts(to *[]string) value {
	return listed[string]{to, func(s string) (string, error) { return s, nil }, func(s string) string { return s }}
}

// choice is one of a few words.
func choice[T ~string](to *T, words ...T) value {
	return parsed[T]{to, func(s string) (T, error) {
		if !slices.Contains(words, T(s)) {
			return "", fmt.Errorf("%q is none of %s", s, join(words))
		}
		return T(s), nil
	}, func(w T) string { return string(w) }}
}

func join[T ~string](words []T) string {
	var s []string
	for _, w := range words {
		s = append(s, string(w))
	}
	return strings.Join(s, ", ")
}

// marshaled is a value that knows its own text form, such as a slog.Level.
func marshaled[T any, P interface {
	*T
	encoding.TextUnmarshaler
	fmt.Stringer
}](to *T, example string) value {
	return parsed[T]{to, func(s string) (v T, err error) {
		if err := P(&v).UnmarshalText([]byte(s)); err != nil {
			return v, fmt.Errorf("%q is none of %s", s, example)
		}
		return v, nil
	}, func(v T) string { return strings.ToLower(P(&v).String()) }}
}

func starting(to *jetcapture.Start) value {
	return parsed[jetcapture.Start]{to, jetcapture.ParseStart, jetcapture.Start.String}
}

func sources(to *[]source.Named) value {
	return listed[source.Named]{to, source.ParseNamed, source.Named.String}
}

// columns are named sources with a type.
func columns(to *[]column.Column) value {
	return listed[column.Column]{to, column.Parse, column.Column.String}
}

// count is a whole number from 0 on.
func count(to *int) value {
	return parsed[int]{to, func(s string) (int, error) {
		n, err := strconv.ParseInt(s, 10, 0)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("%q is no whole number such as 100000", s)
		}
		return int(n), nil
	}, strconv.Itoa}
}

// duration is a duration of Go's syntax from 0 on.
func duration(to *time.Duration) value {
	return parsed[time.Duration]{to, parseDuration, formatDuration}
}

// positiveDuration is one for which the library would take 0 as not given.
func positiveDuration(to *time.Duration) value {
	return parsed[time.Duration]{to, positive(parseDuration), formatDuration}
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration, write it as in 90s, 15m or 1h30m", s)
	}
	return d, nil
}

// formatDuration leaves out the zero units that time.Duration prints: 15m, not 15m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// size is a number of bytes from 0 on.
func size(to *int64) value { return parsed[int64]{to, parseSize, formatSize} }

// positiveSize is one for which the library would take 0 as not given.
func positiveSize(to *int64) value { return parsed[int64]{to, positive(parseSize), formatSize} }

func positive[T ~int64](parse func(string) (T, error)) func(string) (T, error) {
	return func(s string) (T, error) {
		v, err := parse(s)
		if err == nil && v == 0 {
			err = fmt.Errorf("%q: must be above 0", s)
		}
		return v, err
	}
}

// unit is a unit of sizes.
type unit struct {
	name  string
	bytes int64
}

// units lists them, each before those that its name ends in; the binary ones come largest first.
func units() []unit {
	return []unit{
		{"TiB", 1 << 40},
		{"GiB", 1 << 30},
		{"MiB", 1 << 20},
		{"KiB", 1 << 10},
		{"TB", 1e12},
		{"GB", 1e9},
		{"MB", 1e6},
		{"kB", 1e3},
		{"KB", 1e3},
		{"B", 1},
	}
}

// parseSize reads a number of bytes, plain or with a unit: 64MiB is 64 * 1024 * 1024, 128MB is 128 * 1000 * 1000.
func parseSize(s string) (int64, error) {
	number, scale := strings.TrimSpace(s), int64(1)
	for _, u := range units() {
		if n, ok := strings.CutSuffix(number, u.name); ok {
			number, scale = strings.TrimSpace(n), u.bytes
			break
		}
	}
	n, err := scaled(number, scale)
	if err != nil {
		return 0, fmt.Errorf("%q is no size, write it as in 64MiB, 128MB or 1.5GiB", s)
	}
	return n, nil
}

var errNoSize = errors.New("no size")

// scaled multiplies a decimal number, exactly when it is whole.
func scaled(number string, scale int64) (int64, error) {
	if number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, errNoSize
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n <= math.MaxInt64/scale {
		return n * scale, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f*float64(scale) >= math.MaxInt64 {
		return 0, errNoSize
	}
	return int64(f * float64(scale)), nil
}

// formatSize prints a size as parseSize reads it, in the largest binary unit of which it is a multiple.
func formatSize(n int64) string {
	for _, u := range units()[:4] {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
