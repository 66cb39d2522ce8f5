package iceberg

import (
	"strings"
	"time"

	ice "github.com/apache/iceberg-go"
	"github.com/jetcapture/jetcapture/cutlog"
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
	keys, err := keysOf(settings)
	if err != nil {
		return nil, err
	}
	var partitions []partition
	for i, key := range keys {
		if _, taken := named(columns, key.Name); !taken {
			partitions = append(partitions, keyPartition(key.Name, i))
		}
	}
	p, ok, err := timePartition(settings, columns, hours)
	if ok {
		partitions = append(partitions, p)
	}
	return partitions, err
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
	columns, err := columnsIn(settings)
	if err != nil {
		return "", err
	}
	for _, c := range columns {
		if c.Source.String() == of {
			return c.Name, nil
		}
	}
	if len(columns) > 0 {
		return "", nil
	}
	return map[string]string{"time": "time", "seq": "sequence"}[of], nil
}
