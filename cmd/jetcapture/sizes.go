package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// duration is a duration in the syntax of Go, not negative.
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
		return 0, fmt.Errorf("%q is not a duration, write it as in 90s, 15m or 1h30m", s)
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

// size is a number of bytes, not negative.
func size(to *int64) value { return parsed[int64]{to, parseSize, formatSize} }

// positiveSize is one for which the library would take 0 as not given.
func positiveSize(to *int64) value { return parsed[int64]{to, positive(parseSize), formatSize} }

// positive refuses 0 of what parse reads.
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

// units are the units of sizes. A unit comes before those whose names are its ending; binary ones come largest first.
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
		return 0, fmt.Errorf("%q is not a size, write it as in 64MiB, 128MB or 1.5GiB", s)
	}
	return n, nil
}

var errNoSize = errors.New("no size")

// scaled multiplies a decimal number. Whole numbers are multiplied exactly.
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

// formatSize prints a size so that parseSize reads it, in the largest binary unit that divides it.
func formatSize(n int64) string {
	for _, u := range units()[:4] {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
