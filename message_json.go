package jetcapture

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
)

// AppendJSON implements JSONAppender. It appends, without reflection, exactly the bytes that json.Marshal gives. The one error is a time that
// RFC 3339 cannot express.
func (m *NatsMessage) AppendJSON(dst []byte) ([]byte, error) {
	if m == nil {
		return append(dst, "null"...), nil
	}
	dst = append(dst, `{"subject":`...)
	dst = appendJSONString(dst, m.Subject)
	if len(m.SubjectRaw) > 0 {
		dst = append(dst, `,"subject_raw":`...)
		dst = appendJSONBytes(dst, m.SubjectRaw)
	}
	dst = append(dst, `,"reply":`...)
	dst = appendJSONString(dst, m.Reply)
	dst = append(dst, `,"header":`...)
	dst = appendJSONHeader(dst, m.Header)
	if len(m.HeaderRaw) > 0 {
		dst = append(dst, `,"header_raw":`...)
		dst = appendJSONBytes(dst, m.HeaderRaw)
	}
	dst = append(dst, `,"data":`...)
	dst = appendJSONBytes(dst, m.Data)
	dst = append(dst, `,"metadata":`...)
	dst, err := appendJSONMetadata(dst, m.Metadata)
	return append(dst, '}'), err
}

func appendJSONMetadata(dst []byte, m *nats.MsgMetadata) ([]byte, error) {
	if m == nil {
		return append(dst, "null"...), nil
	}
	dst = append(dst, `{"Sequence":{"consumer_seq":`...)
	dst = strconv.AppendUint(dst, m.Sequence.Consumer, 10)
	dst = append(dst, `,"stream_seq":`...)
	dst = strconv.AppendUint(dst, m.Sequence.Stream, 10)
	dst = append(dst, `},"NumDelivered":`...)
	dst = strconv.AppendUint(dst, m.NumDelivered, 10)
	dst = append(dst, `,"NumPending":`...)
	dst = strconv.AppendUint(dst, m.NumPending, 10)
	dst = append(dst, `,"Timestamp":"`...)
	dst, err := m.Timestamp.AppendText(dst)
	if err != nil {
		return dst, errors.New("the message's time cannot be written as RFC 3339")
	}
	dst = append(dst, `","Stream":`...)
	dst = appendJSONString(dst, m.Stream)
	dst = append(dst, `,"Consumer":`...)
	dst = appendJSONString(dst, m.Consumer)
	dst = append(dst, `,"Domain":`...)
	dst = appendJSONString(dst, m.Domain)
	return append(dst, '}'), nil
}

func appendJSONHeader(dst []byte, h map[string][]string) []byte {
	if h == nil {
		return append(dst, "null"...)
	}
	type field struct {
		name   string
		values []string
	}
	var few [8]field // most headers need no allocation
	fields := few[:0]
	for name, values := range h {
		fields = append(fields, field{name, values})
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, f.name), ':')
		dst = appendJSONStrings(dst, f.values)
	}
	return append(dst, '}')
}

func appendJSONStrings(dst []byte, values []string) []byte {
	if values == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONString(dst, v)
	}
	return append(dst, ']')
}

func appendJSONBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// appendJSONString follows the rules of encoding/json: HTML characters and U+2028/9 are escaped, what is not UTF-8 becomes U+FFFD.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0 // of what is not appended yet
	for i := 0; i < len(s); {
		if plainInJSON(s[i]) {
			i++
			continue
		}
		escape, size := jsonEscape(s[i:])
		if escape != "" {
			dst = append(append(dst, s[start:i]...), escape...)
			start = i + size
		}
		i += size
	}
	return append(append(dst, s[start:]...), '"')
}

// plainInJSON reports whether a byte is ASCII that stands for itself.
func plainInJSON(c byte) bool {
	return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
}

// jsonEscape returns how the first character of s is written, or nothing if as it is, and its length in s.
func jsonEscape(s string) (escape string, size int) {
	if s[0] < utf8.RuneSelf {
		return asciiEscape(s[0]), 1
	}
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && size == 1:
		return `\ufffd`, 1
	case r == '\u2028':
		return `\u2028`, size
	case r == '\u2029':
		return `\u2029`, size
	}
	return "", size
}

func asciiEscape(c byte) string {
	switch c {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\b':
		return `\b`
	case '\f':
		return `\f`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	const hex = "0123456789abcdef"
	return string([]byte{'\\', 'u', '0', '0', hex[c>>4], hex[c&0xF]})
}
