package place

import (
	"slices"
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

func TestZonesAndWindows(t *testing.T) {
	for _, tt := range []struct {
		zone, template string
		window         time.Duration
		want           string // in the error; empty: none
	}{
		{"Europe/Berlin", "", 15 * time.Minute, ""},
		{"Europe/Berlin", "", time.Hour, ""},
		{"Europe/Berlin", "", 24 * time.Hour, "--max-age 1h0m0s"},
		{"Europe/Berlin", "", 2 * time.Hour, "off UTC"},
		{"Europe/Berlin", "", 45 * time.Minute, "off UTC"},
		{"Asia/Kathmandu", "", 15 * time.Minute, ""},
		{"Asia/Kathmandu", "", time.Hour, "--max-age 15m0s"},
		{"America/New_York", "", 2 * time.Hour, "--max-age 1h0m0s"},
		{"Asia/Shanghai", "", 8 * time.Hour, ""},
		{"Asia/Shanghai", "", 24 * time.Hour, "--max-age 8h0m0s"},
		{"Africa/Abidjan", "", 24 * time.Hour, ""},
		{"UTC", "", 48 * time.Hour, ""},
		{"Europe/Berlin", "a={subject}", 24 * time.Hour, ""},
		{"Europe/Berlin", "a={subject}/%Y", 24 * time.Hour, "of two"},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		err = Paths{Layout: Hive, Zone: zone, Template: tt.template}.CheckZone(nil, tt.window)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// FuzzTemplatesAreInjective: different values, different directories.
func FuzzTemplatesAreInjective(f *testing.F) {
	f.Add("a-b", "c", "a", "b-c")
	f.Add("a", "=2D", "a", "-")
	f.Add("_none", "", "", "_none")
	f.Add("", `\N`, "_empty", "NULL")
	window := time.Unix(0, 0).UTC()
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		for _, template := range []string{"x{subject[1]}y-z%Y{subject[2]}%m", "a={subject[1]}/b={subject[2]}"} {
			parsed, err := parseTemplate(template, nil)
			if err != nil {
				t.Fatal(err)
			}
			var one, other string
			for i, dir := range parsed.render([]string{a, b}, window) {
				one += "/" + cutlog.EscapeDir(dir)
				other += "/" + cutlog.EscapeDir(parsed.render([]string{c, d}, window)[i])
			}
			if (one == other) != (a == c && b == d) {
				t.Errorf("%q and %q: %s, %q and %q: %s", a, b, one, c, d, other)
			}
		}
	})
}

// Values that readers take for SQL's NULL are texts in the directories of a template, too.
func TestTemplatesGuardPartitions(t *testing.T) {
	_, layout, err := Paths{Template: "shop={subject[1]}/{subject[2]}-{subject[3]}/%F", Zone: time.UTC}.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := layout([]string{"__HIVE_DEFAULT_PARTITION__", "", "x"}, time.Unix(0, 0))
	if want := []string{"shop=___HIVE_DEFAULT_PARTITION__", "-x", "1970-01-01"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := layout([]string{"", "y", "x"}, time.Unix(0, 0)); got[0] != "shop=_empty" {
		t.Errorf("got %q, want shop=_empty", got[0])
	}
}
