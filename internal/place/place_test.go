package place

import (
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

func TestTimezone(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Kathmandu")
	if err != nil {
		t.Fatal(err)
	}
	window := time.Date(2026, 11, 23, 20, 30, 0, 0, time.UTC)
	for _, p := range []Paths{
		{Layout: Hive, Zone: zone},
		{Template: "date=%F/hour=%H", Zone: zone},
	} {
		_, layout, err := p.Resolve(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(layout(nil, window), "/"); got != "date=2026-11-24/hour=02" {
			t.Errorf("got %s", got)
		}
	}
}

// FuzzTemplatesAreInjective: different values, different directories.
func FuzzTemplatesAreInjective(f *testing.F) {
	f.Add("a-b", "c", "a", "b-c")
	f.Add("a", "=2D", "a", "-")
	f.Add("_none", "", "", "_none")
	t, err := parseTemplate("x{subject[1]}y-z%Y{subject[2]}%m", nil)
	if err != nil {
		f.Fatal(err)
	}
	window := time.Unix(0, 0).UTC()
	f.Fuzz(func(tt *testing.T, a, b, c, d string) {
		one := cutlog.EscapeSegment(t.render([]string{a, b}, window)[0])
		other := cutlog.EscapeSegment(t.render([]string{c, d}, window)[0])
		if (one == other) != (a == c && b == d) {
			tt.Errorf("%q and %q: %s, %q and %q: %s", a, b, one, c, d, other)
		}
	})
}
