package iceberg

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/source"
)

// keysOf are the keys of a plan, each with the name that its segment has, as the command gives them. Those of a
// library's user have none.
func keysOf(settings cutlog.Settings) (keys []source.Named, err error) {
	if keys, err = parsed(settings, cutlog.SettingKeys, source.ParseNamed); err != nil {
		return nil, err
	}
	unnamed := 0
	for i := range keys {
		if keys[i].Name == "" { // as the layouts of the command have it: key, key2, …
			keys[i].Name = "key"
			if unnamed++; unnamed > 1 {
				keys[i].Name += strconv.Itoa(unnamed)
			}
		}
	}
	return keys, nil
}

// columnsIn are the columns of a plan. There are none if its files have whole messages.
func columnsIn(settings cutlog.Settings) ([]column.Column, error) {
	return parsed(settings, cutlog.SettingColumns, column.Parse)
}

// parsed parses a setting that is a list of expressions.
func parsed[T any](settings cutlog.Settings, name string, parse func(string) (T, error)) (list []T, err error) {
	var expressions []string
	if text := settings.User(name); text != "" {
		if err := json.Unmarshal([]byte(text), &expressions); err != nil {
			return nil, fmt.Errorf("the %s %q of the plan are no list: %w", name, text, err)
		}
	}
	for _, e := range expressions {
		one, err := parse(e)
		if err != nil {
			return nil, fmt.Errorf("the %s of the plan: %w", name, err)
		}
		list = append(list, one)
	}
	return list, nil
}

// sourcesOf says where the values of columns and keys come from, by their names in lower case. A column stands before a
// key of its name, as in the table. Those of the library's users are not known.
func sourcesOf(settings cutlog.Settings) (map[string]string, error) {
	sources := map[string]string{}
	if !settings.Command() {
		return sources, nil
	}
	keys, err := keysOf(settings)
	if err != nil {
		return nil, err
	}
	columns, err := columnsIn(settings)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		sources[strings.ToLower(k.Name)] = k.Source.String()
	}
	for _, c := range columns {
		sources[strings.ToLower(c.Name)] = c.Source.String()
	}
	return sources, nil
}

// wantSources fails if a column or key of a conversion has its values from elsewhere than in the plans whose files it
// replaces: rows of the table would change.
func (p *Projector) wantSources(e exchange) error {
	for _, was := range e.settings {
		before, err := sourcesOf(was)
		if err != nil {
			return err
		}
		for _, cut := range e.cuts {
			now, err := sourcesOf(cut.Plan.Settings)
			if err != nil {
				return err
			}
			for name, from := range now {
				if old, both := before[name]; both && old != from {
					return fmt.Errorf("cut %d of %s has %s from %s, and the files in table %s from %s: convert with the same "+
						"--column and --key", cut.N, p.Converted.Place, name, from, p.name(), old)
				}
			}
		}
	}
	return nil
}
