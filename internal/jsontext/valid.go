package jsontext

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// Valid reports whether data is JSON (RFC 8259) that is nested no deeper than encoding/json allows. Strings may hold
// bytes that are not UTF-8, as in encoding/json.
func Valid(data []byte) bool { return !tooDeep(data) && gjson.ValidBytes(data) }

// Portable reports whether data is JSON that every reader accepts: Valid, in UTF-8 (RFC 8259 section 8.1), and without
// half of a surrogate pair (section 8.2), at which some readers stop in the middle of a file.
func Portable(data []byte) bool {
	return utf8.Valid(data) && Valid(data) && (!bytes.Contains(data, []byte(`\u`)) || !HalfPair(string(data)))
}

// HalfPair reports whether a Valid text has an escape of half a surrogate pair, which is not a character.
func HalfPair(text string) bool {
	for {
		at := strings.IndexByte(text, '\\')
		if at < 0 {
			return false
		}
		text = text[at:]
		first, ok := unitEscape(text)
		if !ok {
			text = text[min(2, len(text)):] // such as \n
			continue
		}
		text = text[escapeSize:]
		if !utf16.IsSurrogate(first) {
			continue
		}
		second, ok := unitEscape(text)
		if !ok || utf16.DecodeRune(first, second) == utf8.RuneError {
			return true
		}
		text = text[escapeSize:]
	}
}

// escapeSize is the length of \uXXXX, a code unit of UTF-16.
const escapeSize = 6

// unitEscape returns the code unit whose escape a text begins with.
func unitEscape(text string) (unit rune, ok bool) {
	if len(text) < escapeSize || text[:2] != `\u` {
		return 0, false
	}
	n, err := strconv.ParseUint(text[2:escapeSize], 16, 16)
	return rune(n), err == nil
}

// maxDepth is the limit of encoding/json. gjson's check recurses without a limit, so a payload of 64 MB of "[" would
// overflow the stack, which a process cannot recover from.
const maxDepth = 10_000

// tooDeep reports whether data is JSON that is nested deeper than maxDepth. For data that is not JSON it may return
// either.
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
