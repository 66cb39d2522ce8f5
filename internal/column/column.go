// Package column makes typed values of messages, for the command's --column. A value that does not fit its column is
// never changed to fit. It becomes null, with a reason.
package column

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/source"
)

// Kind is the kind of a type.
type Kind uint8

// The kinds. The zero Kind is that of null.
const (
	Null Kind = iota
	String
	Bool
	Int64
	Float64
	Decimal
	Timestamp
	Date
	JSON
	Bytes
)

// names are the types as users write them, by kind.
var names = [...]string{"null", "string", "bool", "int64", "float64", "decimal", "timestamp", "date", "json", "bytes"}

// Types lists the types for people.
const Types = "string, bool, int64, float64, decimal, decimal(P,S), " +
	"timestamp, timestamp(s|ms|us|ns), date, json or bytes"

// Digits of a decimal. The defaults are those of BigQuery's NUMERIC.
const (
	defaultPrecision = 38
	defaultScale     = 9
	maxPrecision     = 38
)

// Type is the type of a column.
type Type struct {
	Kind Kind
	// Precision is the number of digits of a decimal, and Scale how many of them are after the point.
	Precision, Scale int
	// Unit is what a number in a timestamp column counts since 1970. Zero: numbers are not timestamps.
	Unit time.Duration
	text string
}

// String returns the type as it was parsed.
func (t Type) String() string { return t.text }

// Column is a named and typed source. Columns are immutable.
type Column struct {
	Name   string
	Type   Type
	Source source.Source
	text   string
}

// String returns the column as it was parsed.
func (c Column) String() string { return c.text }

// Parse parses NAME=SOURCE or NAME:TYPE=SOURCE. The rules for names are those of source.ParseNamed. The default type is
// string.
func Parse(expr string) (Column, error) {
	head, src, found := strings.Cut(expr, "=")
	name, typeText, typed := strings.Cut(head, ":")
	if !found || typed && (name == "header" || name == "json") && !isType(typeText) {
		return Column{}, fmt.Errorf("%q has no name for the header, write it as in total=json:total", expr)
	}
	if !typed {
		typeText = names[String]
	}
	if pos, problem := source.CheckName(name); problem != "" {
		return Column{}, fmt.Errorf("column %q: position %d: %s; a name has letters, "+
			"digits, _, - and inner dots, and begins with a letter",
			expr, pos+1, problem)
	}
	t, err := parseType(typeText)
	if err != nil {
		return Column{}, fmt.Errorf("column %q: %w", expr, err)
	}
	s, err := source.Parse(src)
	if err != nil {
		return Column{}, fmt.Errorf("column %s: %w", name, err)
	}
	c := Column{Name: name, Type: t, Source: s, text: expr}
	return c, c.possible()
}

// isType reports whether text is a type.
func isType(text string) bool {
	_, err := parseType(text)
	return err == nil
}

// parseType parses the name of a type and its parameters.
func parseType(text string) (Type, error) {
	name, arguments, has := strings.Cut(text, "(")
	t := Type{text: text}
	for k, n := range names {
		if n == name && Kind(k) != Null {
			t.Kind = Kind(k)
		}
	}
	var err error
	switch {
	case t.Kind == Null:
		return t, fmt.Errorf("%q is not a type: take %s", text, Types)
	case has && !strings.HasSuffix(arguments, ")"):
		return t, fmt.Errorf("%q: the closing ) is missing", text)
	case t.Kind == Decimal:
		t.Precision, t.Scale, err = parseDigits(strings.TrimSuffix(arguments, ")"), has)
	case t.Kind == Timestamp && has:
		t.Unit, err = parseUnit(strings.TrimSuffix(arguments, ")"))
	case has:
		err = fmt.Errorf("%s takes nothing in parentheses", name)
	}
	if err != nil {
		return t, fmt.Errorf("%q: %w", text, err)
	}
	return t, nil
}

// parseDigits parses the arguments of decimal. Without any it returns the defaults.
func parseDigits(arguments string, has bool) (precision, scale int, err error) {
	if !has {
		return defaultPrecision, defaultScale, nil
	}
	p, s, both := strings.Cut(arguments, ",")
	precision, err = strconv.Atoi(strings.TrimSpace(p))
	if both && err == nil {
		scale, err = strconv.Atoi(strings.TrimSpace(s))
	}
	if err != nil || precision < 1 || precision > maxPrecision || scale < 0 || scale > precision {
		return 0, 0, fmt.Errorf("write the digits, %d at most, and how many of them follow the point, as in decimal(18,2)",
			maxPrecision)
	}
	return precision, scale, nil
}

// parseUnit parses the argument of timestamp.
func parseUnit(name string) (time.Duration, error) {
	switch name {
	case "s":
		return time.Second, nil
	case "ms":
		return time.Millisecond, nil
	case "us":
		return time.Microsecond, nil
	case "ns":
		return time.Nanosecond, nil
	}
	return 0, errors.New("numbers of a timestamp count s, ms, us or ns since 1970")
}

// possible returns an error for a column that could never hold a value.
func (c Column) possible() error {
	m := source.Message{Seq: 1, Time: time.Unix(0, 0)}
	v := c.Source.Eval(&m)
	if v.Kind != source.Seq && v.Kind != source.Time {
		return nil
	}
	if _, reason := c.Type.convert(v); reason != "" {
		return fmt.Errorf("column %s: %s is never a %s", c.Name, c.Source, c.Type)
	}
	return nil
}
