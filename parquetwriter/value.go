package parquetwriter

import (
	"fmt"
	"math"
	"time"

	"github.com/parquet-go/parquet-go"
)

// Value is a value of a column. The zero value is null. A Value refers to the memory that it was made of.
type Value struct {
	v                parquet.Value
	kind             Type
	precision, scale uint8 // of a decimal
}

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.kind == 0 }

// StringValue is a value of a String column.
func StringValue(s string) Value { return Value{v: textValue(s), kind: String} }

// BoolValue is a value of a Bool column.
func BoolValue(b bool) Value { return Value{v: parquet.BooleanValue(b), kind: Bool} }

// Int64Value is a value of an Int64 column.
func Int64Value(i int64) Value { return Value{v: parquet.Int64Value(i), kind: Int64} }

// Float64Value is a value of a Float64 column.
func Float64Value(f float64) Value { return Value{v: parquet.DoubleValue(f), kind: Float64} }

// JSONValue is a value of a JSON column, with the text as it is.
func JSONValue(text []byte) Value { return Value{v: parquet.ByteArrayValue(text), kind: JSON} }

// BytesValue is a value of a Bytes column. Nil means no bytes, not null.
func BytesValue(b []byte) Value { return Value{v: parquet.ByteArrayValue(b), kind: Bytes} }

// TimestampValue is a value of a Timestamp column, truncated to microseconds. It fails outside of the years -290,307 to
// 294,246.
func TimestampValue(t time.Time) (Value, error) {
	if !fitsMicros(t) {
		return Value{}, fmt.Errorf("parquet: time %s does not fit in microseconds in 64 bits", t)
	}
	return Value{v: parquet.Int64Value(t.UnixMicro()), kind: Timestamp}, nil
}

// DateValue is a value of a Date column: the day of t in its own location. It fails if the days since 1970 do not fit
// in an int32.
func DateValue(t time.Time) (Value, error) {
	year, month, day := t.Date()
	seconds := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()
	days := seconds / 86_400 // exact: midnights only
	if days < math.MinInt32 || days > math.MaxInt32 {
		return Value{}, fmt.Errorf("parquet: the day of %s does not fit in 32 bits", t)
	}
	return Value{v: parquet.Int32Value(int32(days)), kind: Date}, nil
}
