package place

import (
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/source"
)

// CheckZone refuses a zone in which a day need not begin with a window of this length: a directory of one day would
// hold messages of two. Windows are aligned to UTC. In UTC itself a window may be longer than a day; its directory has
// the name of its start.
func (p Paths) CheckZone(keys []source.Named, window time.Duration) error {
	behind, step := p.offsets()
	if behind == 0 || window <= 0 || step%window == 0 || !p.tells(keys) {
		return nil
	}
	return fmt.Errorf("--timezone %s: it is %v off UTC at times, and windows of %v (--max-age) are aligned to UTC: a "+
		"directory of one day would hold messages of two; take --max-age %v or a fraction of it, or --timezone UTC",
		p.Zone, behind, window, step)
}

// tells reports whether directories have a time in their names.
func (p Paths) tells(keys []source.Named) bool {
	if p.Template == "" {
		return true
	}
	t, err := parseTemplate(p.Template, keys)
	if err != nil {
		return false // Resolve says what is wrong
	}
	for _, pieces := range t.segments {
		for _, one := range pieces {
			if one.layout != "" {
				return true
			}
		}
	}
	return false
}

// The years in which offsets count. JetStream had no messages before 2020. Rules that a zone has today hold for ever.
const firstYear, lastYear = 2020, 2040

// offsets returns an offset of the zone from UTC that is not zero, and the longest time of which all its offsets and
// the day are multiples. Without such an offset both are 0. It looks once a week: no offset holds for less.
func (p Paths) offsets() (some, step time.Duration) {
	step = 24 * time.Hour
	for at := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() <= lastYear; at = at.AddDate(0, 0, 7) {
		if _, seconds := at.In(p.Zone).Zone(); seconds != 0 {
			some = (time.Duration(seconds) * time.Second).Abs()
			step = divisor(step, some)
		}
	}
	if some == 0 {
		return 0, 0
	}
	return some, step
}

// divisor is the greatest common one.
func divisor(a, b time.Duration) time.Duration {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
