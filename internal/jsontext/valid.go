package jsontext

import (
	"bytes"

	"github.com/tidwall/gjson"
)

// Valid reports whether data is JSON (RFC 8259) that is nested no deeper than encoding/json allows. Strings may hold bytes that are not UTF-8,
// as in encoding/json.
func Valid(data []byte) bool { return !tooDeep(data) && gjson.ValidBytes(data) }

// maxDepth is the limit of encoding/json. gjson's check recurses without any, and a payload of 64 MB of "[" would overflow the stack,
// which nothing in a process can recover from.
const maxDepth = 10_000

// tooDeep tells whether data, taken as JSON, is nested deeper than maxDepth. Of data that is no JSON the answer may be either.
func tooDeep(data []byte) bool {
	if len(data) <= maxDepth || bytes.Count(data, []byte{'['})+bytes.Count(data, []byte{'{'}) <= maxDepth {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}
