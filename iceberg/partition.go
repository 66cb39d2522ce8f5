package iceberg

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	ice "github.com/apache/iceberg-go"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/jetcapture/jetcapture/internal/tablefiles"
	"github.com/jetcapture/jetcapture/parquetwriter"
)

// partition is a field of a partition spec, and the value of it that a file has. Values come from the log, never from a
// path.
type partition struct {
	name      string
	source    ice.NestedField
	transform ice.Transform
	value     func(tablefiles.File) any // nil: null
}

// partitionsOf are the partitions of the files of a cut: one for each key, and the day or the hour. A key whose name is
// that of a column of the files is none: nothing says that the two have the same values.
func partitionsOf(settings cutlog.Settings, columns []ice.NestedField, hours bool) ([]partition, error) {
	names, err := keyNames(settings)
	if err != nil {
		return nil, err
	}
	var partitions []partition
	for i, name := range names {
		if _, taken := named(columns, name); !taken {
			partitions = append(partitions, keyPartition(name, i))
		}
	}
	p, ok, err := timePartition(settings, columns, hours)
	if ok {
		partitions = append(partitions, p)
	}
	return partitions, err
}

// keyNames are the names of the segments of the keys, as the command gives them. Those of a library's user have none.
func keyNames(settings cutlog.Settings) (names []string, err error) {
	var expressions []string
	if text := settings.User(cutlog.SettingKeys); text != "" {
		if err := json.Unmarshal([]byte(text), &expressions); err != nil {
			return nil, fmt.Errorf("the keys %q of the plan are no list: %w", text, err)
		}
	}
	unnamed := 0
	for _, e := range expressions {
		named, err := source.ParseNamed(e)
		if err != nil {
			return nil, fmt.Errorf("the keys of the plan: %w", err)
		}
		if named.Name == "" { // as the layouts of the command have it: key, key2, …
			named.Name = "key"
			if unnamed++; unnamed > 1 {
				named.Name += strconv.Itoa(unnamed)
			}
		}
		names = append(names, named.Name)
	}
	return names, nil
}

func named(columns []ice.NestedField, name string) (ice.NestedField, bool) {
	for _, c := range columns {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return ice.NestedField{}, false
}

func keyPartition(name string, segment int) partition {
	return partition{
		name: name, transform: ice.IdentityTransform{},
		source: ice.NestedField{ID: parquetwriter.FieldID(name), Name: name, Type: ice.PrimitiveTypes.String},
		value: func(f tablefiles.File) any {
			if segment >= len(f.Key) {
				return nil
			}
			value, _ := strings.CutPrefix(string(f.Key[segment]), name+"=")
			return keyValue(value)
		},
	}
}

// keyValue is the value that the command made a segment of, nil if the message had none: see docs/FORMATS.md,
// Directories.
func keyValue(segment string) any {
	rest, underscored := strings.CutPrefix(segment, "_")
	switch {
	case segment == source.None:
		return nil
	case segment == "_empty":
		return ""
	case underscored && guarded(rest):
		return rest
	}
	return segment
}

// guarded reports whether the command puts an underscore before a value.
func guarded(value string) bool {
	none := value != "" && value[0] == '_' && strings.TrimLeft(value, "_") == source.None[1:]
	return none || value != "" && len(source.GuardPartition([]byte(value), 0)) > len(value)
}

// timePartition is the day or the hour of the time of the messages, if a window of the cut is in one. Without a column
// of that time it is the day of the window, as a column of the table that the files do not have.
func timePartition(settings cutlog.Settings, columns []ice.NestedField, hours bool) (p partition, ok bool, err error) {
	period, transform, suffix := 24*time.Hour, ice.Transform(ice.DayTransform{}), "_day"
	if hours {
		period, transform, suffix = time.Hour, ice.HourTransform{}, "_hour"
	}
	age := settings.MaxAge()
	if age <= 0 || period%age != 0 {
		return p, false, nil
	}
	day := func(f tablefiles.File) any { return ice.Date(f.Window.Unix() / (24 * 60 * 60)) }
	name, err := timeColumn(settings)
	if err != nil {
		return p, false, err
	}
	if c, ok := named(columns, name); ok && c.Type.Equals(ice.PrimitiveTypes.TimestampTz) {
		p = partition{name: c.Name + suffix, source: c, transform: transform, value: day}
		if hours {
			p.value = func(f tablefiles.File) any { return int32(f.Window.Unix() / (60 * 60)) }
		}
		return p, true, nil
	}
	if _, taken := named(columns, "date"); taken {
		return p, false, nil
	}
	date := ice.NestedField{ID: parquetwriter.FieldID("date"), Name: "date", Type: ice.PrimitiveTypes.Date}
	return partition{name: "date", source: date, transform: ice.IdentityTransform{}, value: day}, true, nil
}

// timeColumn is the name of the column with the time of the messages; empty if there is none.
func timeColumn(settings cutlog.Settings) (string, error) { return columnOf(settings, "time") }

// columnOf is the name of the column that a source is in: of the columns of the command, or of whole messages. It is
// empty if there is none, and for files of the library's users.
func columnOf(settings cutlog.Settings, of string) (string, error) {
	if !settings.Command() {
		return "", nil
	}
	var expressions []string
	if text := settings.User(cutlog.SettingColumns); text != "" {
		if err := json.Unmarshal([]byte(text), &expressions); err != nil {
			return "", fmt.Errorf("the columns %q of the plan are no list: %w", text, err)
		}
	}
	for _, e := range expressions {
		c, err := column.Parse(e)
		if err != nil {
			return "", fmt.Errorf("the columns of the plan: %w", err)
		}
		if c.Source.String() == of {
			return c.Name, nil
		}
	}
	if len(expressions) > 0 {
		return "", nil
	}
	return map[string]string{"time": "time", "seq": "sequence"}[of], nil
}
