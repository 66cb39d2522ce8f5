// Package place is where the command jetcapture puts files: how the directories of keys and windows are named, by a
// layout or by a template of the user's. Its errors name options as users write them: --path.
package place

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/source"
)

// Layout is how the directories of keys and windows are named.
type Layout string

// The layouts.
const (
	Default Layout = "default" // the key, then YYYY/MM/DD/HH/mm
	Hive    Layout = "hive"    // name=value, then date=YYYY-MM-DD/hour=HH
	DtHr    Layout = "dt-hr"   // name=value, then dt=YYYY-MM-DD/hr=HH
)

// Layouts returns all layouts.
func Layouts() []Layout { return []Layout{Default, Hive, DtHr} }

// times are the directories of the window, as formats of package time.
func (l Layout) times() []string {
	switch l {
	case Hive:
		return []string{"date=2006-01-02", "hour=15"}
	case DtHr:
		return []string{"dt=2006-01-02", "hr=15"}
	}
	return []string{"2006", "01", "02", "15", "04"}
}

// partitions gives names to the keys that have none: key, key2, … Readers take name=value for a column.
func (l Layout) partitions(keys []source.Named) []source.Named {
	if l == Default {
		return keys
	}
	named, n := slices.Clone(keys), 0
	for i := range named {
		if named[i].Name != "" {
			continue
		}
		n++
		named[i].Name = "key"
		if n > 1 {
			named[i].Name += strconv.Itoa(n)
		}
	}
	return named
}

// timeNames are the names of the columns that the directories of the window make.
func (l Layout) timeNames() (names []string) {
	for _, t := range l.times() {
		if name, _, found := strings.Cut(t, "="); found {
			names = append(names, name)
		}
	}
	return names
}

// Paths is where files go: by the layout, or by the template if there is one. Different keys always have different
// directories, whatever is in a message: two blocks in one directory could want one file name.
type Paths struct {
	Layout   Layout
	Template string
	Zone     *time.Location // of the times in directories
}

// String says how the directories are named: the template or the layout, and the time zone if it is not UTC.
func (p Paths) String() string {
	text := string(p.Layout)
	if p.Template != "" {
		text = p.Template
	}
	if p.Zone != nil && p.Zone != time.UTC {
		text += " in " + p.Zone.String()
	}
	return text
}

// Resolve returns the keys with their final names, and the function that lays them out: see jetcapture.Archive. It is
// nil for the library's own layout. The error joins one for each problem.
func (p Paths) Resolve(keys []source.Named) ([]source.Named, func([]string, time.Time) []string, error) {
	if p.Template != "" {
		return p.resolveTemplate(keys)
	}
	keys = p.Layout.partitions(keys)
	var names []string
	for _, k := range keys {
		names = append(names, k.Name)
	}
	problems := source.Repeated("--key", names)
	for _, k := range keys {
		if slices.Contains(p.Layout.timeNames(), strings.ToLower(k.Name)) {
			problems = append(problems, fmt.Errorf("--key: %s is the name of a directory of --layout %s; take another name",
				k.Name, p.Layout))
		}
	}
	if len(problems) > 0 {
		return keys, nil, errors.Join(problems...)
	}
	if p.Layout == Default && p.Zone == time.UTC {
		return keys, nil, nil
	}
	times := p.Layout.times()
	return keys, func(segments []string, window time.Time) []string {
		dirs := slices.Clone(segments)
		for _, t := range times {
			dirs = append(dirs, window.In(p.Zone).Format(t))
		}
		return dirs
	}, nil
}

// resolveTemplate is Resolve with a template. The template says the names of the keys, so the segments hold their
// values alone.
func (p Paths) resolveTemplate(keys []source.Named) ([]source.Named, func([]string, time.Time) []string, error) {
	t, err := parseTemplate(p.Template, keys)
	if err != nil {
		return keys, nil, fmt.Errorf("--path: %w", err)
	}
	values := slices.Clone(t.keys)
	for i := range values {
		values[i].Name = ""
	}
	return values, func(values []string, window time.Time) []string {
		return t.render(values, window.In(p.Zone))
	}, nil
}
