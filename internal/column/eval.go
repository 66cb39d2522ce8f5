package column

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/jetcapture/jetcapture/internal/jsontext"
	"github.com/jetcapture/jetcapture/internal/source"
)

// Cell is a value of a column. The zero Cell is null.
type Cell struct {
	Kind  Kind
	Text  string // String; Decimal, in plain notation; JSON; Bytes. It may share the memory of the message
	Bool  bool
	Int   int64
	Float float64
	Time  time.Time // Timestamp and Date, UTC
}

// The reasons why values do not fit. They are part of the files, in the column _rescued. To change one would change the
// bytes that a redo makes.
const (
	// NotJSON is the reason of every column with a JSON source if the payload is not JSON.
	NotJSON      = "the payload is not JSON"
	notUTF8      = "it is not valid UTF-8"
	halfPair     = "it has half of a surrogate pair, which no text can hold"
	composite    = "an object or array is no scalar"
	noNumber     = "it is no number"
	fraction     = "it has a fraction"
	outOfRange   = "it is out of range"
	tooManyDigit = "it has more digits than the column"
	noBool       = "it is neither true nor false"
	noTimestamp  = "it is no time as in RFC 3339"
	noDate       = "it is no date as in 2026-11-23"
	noText       = "it is no text"
	noJSON       = "it is not JSON"
)

// Eval returns the value of the column in m. If there is a value that does not fit, the cell is null and reason says
// why.
func (c Column) Eval(m *source.Message) (cell Cell, reason string) {
	if c.Type.Kind == JSON {
		if name, ok := c.Source.HeaderName(); ok {
			return allValues(m.Header[name])
		}
		if c.Source.IsPayload() {
			return payloadJSON(m)
		}
	}
	v := c.Source.Eval(m)
	switch v.Kind {
	case source.Missing, source.Null:
		return Cell{}, ""
	case source.NotJSON:
		return Cell{}, NotJSON
	}
	return c.Type.convert(v)
}

// allValues returns the values of a header as a JSON array.
func allValues(values []string) (Cell, string) {
	if values == nil {
		return Cell{}, ""
	}
	for _, v := range values {
		if !utf8.ValidString(v) {
			return Cell{}, notUTF8
		}
	}
	return Cell{Kind: JSON, Text: string(jsontext.AppendStrings(nil, values))}, ""
}

// payloadJSON returns the payload, if it is JSON.
func payloadJSON(m *source.Message) (Cell, string) {
	switch {
	case !utf8.Valid(m.Data):
		return Cell{}, notUTF8
	case !jsontext.Valid(m.Data):
		return Cell{}, noJSON
	}
	text := unsafe.String(unsafe.SliceData(m.Data), len(m.Data))
	if jsontext.HalfPair(text) {
		return Cell{}, halfPair
	}
	return Cell{Kind: JSON, Text: text}, ""
}

// convert returns the value as one of the type, or the reason why it does not fit.
func (t Type) convert(v source.Value) (Cell, string) {
	switch t.Kind {
	case String:
		return textCell(v)
	case Bool:
		return boolCell(v)
	case Int64:
		return intCell(v)
	case Float64:
		return floatCell(v)
	case Decimal:
		return t.decimalCell(v)
	case Timestamp:
		return t.timestampCell(v)
	case Date:
		return dateCell(v)
	case JSON:
		return jsonCell(v)
	case Bytes:
		if v.Kind != source.String {
			return Cell{}, noText
		}
		if v.HalfPair() {
			return Cell{}, halfPair
		}
		return Cell{Kind: Bytes, Text: v.Text}, ""
	}
	return Cell{}, "" // the zero type holds nothing
}

// textCell takes any scalar. A number or boolean becomes its JSON text.
func textCell(v source.Value) (Cell, string) {
	switch {
	case v.Kind == source.JSON:
		return Cell{}, composite
	case !utf8.ValidString(v.Text):
		return Cell{}, notUTF8
	case v.HalfPair():
		return Cell{}, halfPair
	}
	return Cell{Kind: String, Text: v.String()}, ""
}

// boolCell takes a boolean, or the text of one.
func boolCell(v source.Value) (Cell, string) {
	if (v.Kind == source.Bool || v.Kind == source.String) && (v.Text == "true" || v.Text == "false") {
		return Cell{Kind: Bool, Bool: v.Text == "true"}, ""
	}
	return Cell{}, noBool
}

// numberOf returns a value as a decimal number. It takes a number, the text of a number, or the sequence.
func numberOf(v source.Value) (n number, reason string) {
	text := v.Text
	switch v.Kind {
	case source.Number, source.String:
	case source.Seq:
		text = strconv.FormatUint(v.Seq, 10)
	default:
		return n, noNumber
	}
	n, ok := parseNumber(text)
	if !ok {
		return n, noNumber
	}
	return n, ""
}

// intCell takes a number without a fraction that fits in 64 bits.
func intCell(v source.Value) (Cell, string) {
	if v.Kind == source.Number {
		if i, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			return Cell{Kind: Int64, Int: i}, ""
		}
	}
	n, reason := numberOf(v)
	if reason != "" {
		return Cell{}, reason
	}
	i, reason := n.int64()
	if reason != "" {
		return Cell{}, reason
	}
	return Cell{Kind: Int64, Int: i}, ""
}

// floatCell takes the nearest float64, as all readers of JSON do, but neither infinity nor, for any other number, zero.
func floatCell(v source.Value) (Cell, string) {
	n, reason := numberOf(v)
	if reason != "" {
		return Cell{}, reason
	}
	text := v.Text
	if v.Kind == source.Seq {
		text = strconv.FormatUint(v.Seq, 10)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || f == 0 && n.digits != "" {
		return Cell{}, outOfRange
	}
	return Cell{Kind: Float64, Float: f}, ""
}

// decimalCell takes a number that fits without rounding.
func (t Type) decimalCell(v source.Value) (Cell, string) {
	n, reason := numberOf(v)
	if reason != "" {
		return Cell{}, reason
	}
	if -n.exp > t.Scale || len(n.digits)+n.exp > t.Precision-t.Scale {
		return Cell{}, tooManyDigit
	}
	return Cell{Kind: Decimal, Text: n.plain()}, ""
}

// timestampCell takes the time of the message, a number if the type has a unit, and otherwise the text of a time.
func (t Type) timestampCell(v source.Value) (Cell, string) {
	switch {
	case v.Kind == source.Time:
		return Cell{Kind: Timestamp, Time: v.Time.UTC()}, ""
	case t.Unit != 0:
		n, reason := numberOf(v)
		if reason != "" {
			return Cell{}, reason
		}
		n.exp += len(strconv.FormatInt(int64(t.Unit), 10)) - 1 // nanoseconds
		ns, reason := n.int64()
		if reason != "" {
			return Cell{}, reason
		}
		return Cell{Kind: Timestamp, Time: time.Unix(0, ns).UTC()}, ""
	case v.Kind != source.String:
		return Cell{}, noTimestamp
	}
	text := v.Text
	if len(text) > 10 && text[10] == ' ' { // as RFC 3339 section 5.6 allows
		text = text[:10] + "T" + text[11:]
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return Cell{}, noTimestamp
	}
	return Cell{Kind: Timestamp, Time: at.UTC()}, ""
}

// dateCell takes the text of a date, and the day in UTC of the time of the message.
func dateCell(v source.Value) (Cell, string) {
	if v.Kind == source.Time {
		return Cell{Kind: Date, Time: v.Time.UTC()}, ""
	}
	day, err := time.Parse(time.DateOnly, v.Text)
	if v.Kind != source.String || err != nil {
		return Cell{}, noDate
	}
	return Cell{Kind: Date, Time: day}, ""
}

// jsonCell takes a value of JSON unchanged, and encodes any other value as JSON.
func jsonCell(v source.Value) (Cell, string) {
	switch {
	case v.Kind == source.Seq:
		return Cell{Kind: JSON, Text: strconv.FormatUint(v.Seq, 10)}, ""
	case v.Kind == source.Time:
		return Cell{Kind: JSON, Text: `"` + v.String() + `"`}, ""
	case !utf8.ValidString(v.Text) || !utf8.ValidString(v.Raw):
		return Cell{}, notUTF8
	case v.HalfPair():
		return Cell{}, halfPair
	case v.Raw != "":
		return Cell{Kind: JSON, Text: v.Raw}, ""
	}
	return Cell{Kind: JSON, Text: string(jsontext.AppendString(nil, v.Text))}, ""
}
