package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // machines without a database of time zones, such as small containers

	"github.com/jetcapture/jetcapture/internal/source"
)

// layout is how the directories of keys and windows are named.
type layout string

// The layouts.
const (
	layoutDefault layout = "default" // the key, then YYYY/MM/DD/HH/mm
	layoutHive    layout = "hive"    // name=value, then date=YYYY-MM-DD/hour=HH
	layoutDtHr    layout = "dt-hr"   // name=value, then dt=YYYY-MM-DD/hr=HH
)

func layouts() []layout { return []layout{layoutDefault, layoutHive, layoutDtHr} }

// times are the directories of the time.
func (l layout) times() []string {
	switch l {
	case layoutHive:
		return []string{"date=2006-01-02", "hour=15"}
	case layoutDtHr:
		return []string{"dt=2006-01-02", "hr=15"}
	}
	return []string{"2006", "01", "02", "15", "04"}
}

// partitions names the keys that have no name: key, key2, … As in name=value, so that readers take them for columns.
func (l layout) partitions(keys []source.Named) []source.Named {
	if l == layoutDefault {
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

// taken are the names of the columns that the directories of the time make.
func (l layout) taken() (names []string) {
	for _, t := range l.times() {
		if name, _, found := strings.Cut(t, "="); found {
			names = append(names, name)
		}
	}
	return names
}

// paths is where files go: by a layout, or a template.
type paths struct {
	layout   layout
	template string
	zone     *time.Location
}

// resolve returns the keys with their final names, and the function that lays them out, nil for the library's own. The error names the option.
func (p paths) resolve(keys []source.Named) ([]source.Named, func([]string, time.Time) []string, error) {
	if p.template != "" {
		t, err := parseTemplate(p.template, keys)
		if err != nil {
			return keys, nil, fmt.Errorf("--path: %w", err)
		}
		values := slices.Clone(t.keys) // the template names them
		for i := range values {
			values[i].Name = ""
		}
		return values, func(values []string, window time.Time) []string { return t.render(values, window.In(p.zone)) }, nil
	}
	keys = p.layout.partitions(keys)
	problems := twice("--key", keys, func(n source.Named) string { return n.Name })
	for _, k := range keys {
		if slices.Contains(p.layout.taken(), strings.ToLower(k.Name)) {
			problems = append(problems, fmt.Errorf("--key: %s is the name of a directory of --layout %s; take another name", k.Name, p.layout))
		}
	}
	if len(problems) > 0 {
		return keys, nil, errors.Join(problems...)
	}
	if p.layout == layoutDefault && p.zone == time.UTC {
		return keys, nil, nil
	}
	times := p.layout.times()
	return keys, func(segments []string, window time.Time) []string {
		dirs := slices.Clone(segments)
		for _, t := range times {
			dirs = append(dirs, window.In(p.zone).Format(t))
		}
		return dirs
	}, nil
}

// timezone is a value that names a time zone of the IANA database. That of the machine is none: other machines have another.
func timezone(to **time.Location) value {
	return parsed[*time.Location]{to, func(s string) (*time.Location, error) {
		zone, err := time.LoadLocation(s)
		if err != nil || s == "" || s == "Local" {
			return nil, fmt.Errorf("%q is no time zone such as UTC or Europe/Berlin", s)
		}
		return zone, nil
	}, func(z *time.Location) string { return z.String() }}
}
