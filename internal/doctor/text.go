package doctor

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// bytesText is a size for people.
func bytesText[T int64 | uint64](n T) string { return humanize.IBytes(uint64(max(n, 0))) }

// durationText is a duration for people, who do not care for seconds when it is days.
func durationText(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 10*365*day:
		return "more than 10 years"
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= time.Minute:
		return d.Round(time.Minute).String()[:len(d.Round(time.Minute).String())-2]
	}
	return d.Round(time.Second).String()
}

// countText is a number for people.
func countText(f float64) string { return humanize.Comma(int64(f + 0.5)) }
