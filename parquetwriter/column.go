package parquetwriter

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// Type is the type of a column of a table.
type Type uint8

// The types, each with its Parquet type (https://parquet.apache.org/docs/file-format/types/logicaltypes/).
const (
	String    Type = iota + 1 // STRING: valid UTF-8
	Bool                      // BOOLEAN
	Int64                     // INT64
	Float64                   // DOUBLE, NaN and infinities included
	Decimal                   // DECIMAL(precision, scale), at most 38 digits
	Timestamp                 // TIMESTAMP(MICROS), UTC
	Date                      // DATE
	JSON                      // JSON: see MessageWriter for what counts as such
	Bytes                     // BYTE_ARRAY
)

var typeNames = [...]string{
	"null", "string", "bool", "int64", "float64", "decimal", "timestamp", "date", "json", "bytes",
}

// String returns the name of the type in lower case, and "null" for the zero value.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// maxPrecision is the largest number of digits that all engines accept. 16 bytes hold so many.
const maxPrecision = 38

// Column is a column of a table. Every column may hold nulls.
type Column struct {
	// Name must not be empty, and valid UTF-8 without control characters. Two columns must differ in more than case, which
	// most engines ignore.
	Name string
	Type Type
	// Precision is the number of digits of a Decimal, 1 to 38, and Scale how many of them follow the point. For other
	// types they must be 0.
	Precision, Scale int
	// NoStatistics leaves out the smallest and largest value of a String column. Use it for long texts, since the file
	// holds these values in full. JSON, Bytes, and Decimal of more than 18 digits never have them.
	NoStatistics bool
}

// ColumnError is the error of a column that cannot be, or of a value that cannot be stored in its column.
type ColumnError struct {
	Column string // its name
	Reason string
}

func (e *ColumnError) Error() string {
	return fmt.Sprintf("parquet: column %q: %s", e.Column, e.Reason)
}

func (c Column) errorf(format string, args ...any) error {
	return &ColumnError{c.Name, fmt.Sprintf(format, args...)}
}

// validate checks a column by itself.
func (c Column) validate() error {
	switch {
	case c.Name == "":
		return c.errorf("a column needs a name")
	case !utf8.ValidString(c.Name) || strings.ContainsFunc(c.Name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return c.errorf("a name must be valid UTF-8 without control characters")
	case c.Type == 0 || int(c.Type) >= len(typeNames):
		return c.errorf("unknown type %d", c.Type)
	case c.Type != Decimal && (c.Precision != 0 || c.Scale != 0):
		return c.errorf("a %s has no precision and scale", c.Type)
	case c.Type == Decimal && (c.Precision < 1 || c.Precision > maxPrecision || c.Scale < 0 || c.Scale > c.Precision):
		return c.errorf("decimal(%d,%d): precision must be 1 to %d, scale 0 to precision", c.Precision, c.Scale, maxPrecision)
	}
	return nil
}

// kind returns the physical type.
func (c Column) kind() parquet.Kind {
	switch c.Type {
	case Bool:
		return parquet.Boolean
	case Int64, Timestamp:
		return parquet.Int64
	case Float64:
		return parquet.Double
	case Date:
		return parquet.Int32
	case Decimal:
		return decimalKind(c.Precision)
	}
	return parquet.ByteArray
}

// node returns the column without its name, as one that is not optional.
func (c Column) node() parquet.Node {
	switch c.Type {
	case String:
		return repeating(parquet.String())
	case Bool:
		return parquet.Leaf(parquet.BooleanType)
	case Int64:
		return growing(parquet.Leaf(parquet.Int64Type))
	case Float64:
		return parquet.Leaf(parquet.DoubleType)
	case Decimal:
		return parquet.Decimal(c.Scale, c.Precision, decimalType(c.Precision))
	case Timestamp:
		return growing(parquet.Timestamp(parquet.Microsecond))
	case Date:
		return repeating(parquet.Date())
	case JSON:
		return parquet.JSON()
	}
	return bytesNode()
}

// bounded reports whether the file has the smallest and largest values. parquet-go compares long decimals as if they
// had no sign.
func (c Column) bounded() bool {
	switch c.Type {
	case String:
		return !c.NoStatistics
	case JSON, Bytes:
		return false
	case Decimal:
		return c.kind() != parquet.FixedLenByteArray
	}
	return true
}

// Check returns why the value cannot be stored in the column, or nil. Null can always be stored.
func (c Column) Check(v Value) error {
	switch {
	case v.kind == 0:
		return nil
	case v.kind != c.Type:
		return c.errorf("a %s is not a %s", v.kind, c.Type)
	case c.Type == String && !utf8.Valid(v.v.ByteArray()):
		return c.errorf("not valid UTF-8")
	case c.Type == JSON:
		var stack []byte
		if !isJSON(v.v.ByteArray(), &stack) {
			return c.errorf("not JSON")
		}
	case c.Type == Decimal && (v.precision != uint8(c.Precision) || v.scale != uint8(c.Scale)):
		return c.errorf("a decimal(%d,%d) is not a decimal(%d,%d)", v.precision, v.scale, c.Precision, c.Scale)
	}
	return nil
}
