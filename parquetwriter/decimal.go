package parquetwriter

import (
	"errors"
	"math/big"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// Decimals are stored in the smallest type for their precision, as the specification recommends
// (https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#decimal).
const (
	maxPrecision32 = 9
	maxPrecision64 = 18
	decimalBytes   = 16
)

func decimalKind(precision int) parquet.Kind { return decimalType(precision).Kind() }

func decimalType(precision int) parquet.Type {
	switch {
	case precision <= maxPrecision32:
		return parquet.Int32Type
	case precision <= maxPrecision64:
		return parquet.Int64Type
	}
	return parquet.FixedLenByteArrayType(decimalBytes)
}

var errNotDecimal = errors.New("not a decimal number")

// DecimalValue returns the value of a Decimal column for a number in decimal notation, which JSON has, too: -12.50,
// 1.25e3. It fails if the text is not a number, or if the number has more digits before the point than the column, or
// digits other than 0 beyond the column's scale. It never rounds.
func (c Column) DecimalValue(text string) (Value, error) {
	if c.Type != Decimal {
		return Value{}, c.errorf("a decimal is not a %s", c.Type)
	}
	digits, exponent, negative, err := splitDecimal(text)
	if err != nil {
		return Value{}, c.errorf("%.40q: %v", text, err)
	}
	// The number is digits × 10^exponent; wanted is an integer × 10^-scale.
	digits, shift := strings.TrimLeft(digits, "0"), exponent+c.Scale
	if digits == "" {
		shift = 0
	}
	for ; shift < 0 && strings.HasSuffix(digits, "0"); shift++ {
		digits = digits[:len(digits)-1]
	}
	if shift < 0 || len(digits)+shift > c.Precision {
		return Value{}, c.errorf("%.40q does not fit in decimal(%d,%d)", text, c.Precision, c.Scale)
	}
	return c.unscaled(digits+strings.Repeat("0", shift), negative), nil
}

// unscaled returns the value for a number without point, of at most Precision digits.
func (c Column) unscaled(digits string, negative bool) Value {
	value := Value{kind: Decimal, precision: uint8(c.Precision), scale: uint8(c.Scale)}
	if c.Precision > maxPrecision64 {
		n, ok := new(big.Int).SetString("0"+digits, 10)
		if ok && negative {
			// Two's complement, big-endian.
			n.Sub(new(big.Int).Lsh(big.NewInt(1), 8*decimalBytes), n)
			if n.BitLen() > 8*decimalBytes {
				n.SetInt64(0) // minus zero
			}
		}
		value.v = parquet.FixedLenByteArrayValue(n.FillBytes(make([]byte, decimalBytes)))
		return value
	}
	var n int64
	for _, d := range []byte(digits) {
		n = 10*n + int64(d-'0')
	}
	if negative {
		n = -n
	}
	value.v = parquet.Int64Value(n)
	if c.Precision <= maxPrecision32 {
		value.v = parquet.Int32Value(int32(n))
	}
	return value
}

// splitDecimal parses a number into digits × 10^exponent.
func splitDecimal(text string) (digits string, exponent int, negative bool, err error) {
	rest := strings.TrimPrefix(text, "-")
	negative = rest != text
	rest, exp, hasExp := strings.Cut(strings.Replace(rest, "E", "e", 1), "e")
	if hasExp {
		if exponent, err = parseExponent(exp); err != nil {
			return "", 0, false, err
		}
	}
	whole, fraction, hasPoint := strings.Cut(rest, ".")
	if whole == "" || !allDigits(whole) || hasPoint && (fraction == "" || !allDigits(fraction)) {
		return "", 0, false, errNotDecimal
	}
	return whole + fraction, exponent - len(fraction), negative, nil
}

// parseExponent parses an exponent and clamps it to what is far beyond any column.
func parseExponent(text string) (int, error) {
	const most = 1 << 30
	digits := strings.TrimPrefix(text, "-")
	if digits == text {
		digits = strings.TrimPrefix(text, "+")
	}
	if digits == "" || !allDigits(digits) {
		return 0, errNotDecimal
	}
	n := 0
	for _, d := range []byte(digits) {
		n = min(10*n+int(d-'0'), most)
	}
	if text[0] == '-' {
		n = -n
	}
	return n, nil
}

func allDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
