package column

import (
	"math"
	"strconv"
	"strings"
)

// number is a decimal number: digits × 10^exp. The digits neither begin nor end with 0. Zero has no digits.
type number struct {
	negative bool
	digits   string
	exp      int
}

// maxExponent bounds exponents. A number beyond it fits no type, and must not be written out in full.
const maxExponent = 1 << 20

// parseNumber parses a number of JSON (RFC 8259 section 6).
func parseNumber(text string) (n number, ok bool) {
	rest, negative := strings.CutPrefix(text, "-")
	mantissa, exponent := rest, ""
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa, exponent = rest[:i], rest[i+1:]
		exponent = strings.TrimPrefix(exponent, "+")
		if !areDigits(strings.TrimPrefix(exponent, "-")) || strings.HasPrefix(rest[i+1:], "+-") {
			return n, false
		}
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if !areDigits(whole) || len(whole) > 1 && whole[0] == '0' || point && !areDigits(fraction) {
		return n, false
	}
	n = number{negative: negative, exp: -len(fraction)}
	if exponent != "" {
		e, err := strconv.Atoi(exponent)
		if err != nil || e > maxExponent || e < -maxExponent {
			e = maxExponent
			if exponent[0] == '-' {
				e = -maxExponent
			}
		}
		n.exp += e
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	n.digits = strings.TrimRight(digits, "0")
	n.exp += len(digits) - len(n.digits)
	if n.digits == "" {
		n.exp, n.negative = 0, false
	}
	return n, true
}

func areDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// int64 returns the number as an int64, or the reason why it does not fit.
func (n number) int64() (i int64, reason string) {
	const most = len("9223372036854775808")
	switch {
	case n.exp < 0 && len(n.digits) > 0:
		return 0, fraction
	case len(n.digits)+n.exp > most:
		return 0, outOfRange
	}
	text := n.digits + strings.Repeat("0", n.exp)
	u, err := strconv.ParseUint("0"+text, 10, 64)
	switch {
	case err != nil, u > math.MaxInt64+1, u == math.MaxInt64+1 && !n.negative:
		return 0, outOfRange
	case n.negative:
		return -int64(u), ""
	}
	return int64(u), ""
}

// plain returns the number in digits without an exponent. The caller has checked that there are not many.
func (n number) plain() string {
	if n.digits == "" {
		return "0"
	}
	sign := ""
	if n.negative {
		sign = "-"
	}
	if n.exp >= 0 {
		return sign + n.digits + strings.Repeat("0", n.exp)
	}
	if point := len(n.digits) + n.exp; point > 0 {
		return sign + n.digits[:point] + "." + n.digits[point:]
	}
	return sign + "0." + strings.Repeat("0", -n.exp-len(n.digits)) + n.digits
}
