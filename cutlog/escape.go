package cutlog

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// emptySegment stands for the empty string. The only other escaped segments with a '~' are hashed ones, which are
	// longer.
	emptySegment = "is~empty"
	// noneSegment is how captures write that a key has no value. It is the only segment with a leading underscore, to be
	// readable.
	noneSegment = "_none"
	// hashedPrefix is how much of an escaped segment over MaxSegment is kept before '~' and the hash.
	hashedPrefix = 120
	upperHex     = "0123456789ABCDEF"
)

var segmentHash = base32.StdEncoding.WithPadding(base32.NoPadding)

// EscapeSegment makes a path segment of any string. It is injective: different strings give different segments.
//
// It keeps ASCII letters, digits, '_', '-', inner dots and the first '=', and writes every other byte as '%' and two
// upper-case hexadecimal digits. (A second '=' is escaped because readers of hive partitions do not take what follows
// it in NAME=VALUE as part of the value.) These are escaped, too:
//
//   - a leading '.' or '_' and a trailing '.', so that no key can be _jetcapture or _deadletter; "_none", which stands
//     for no value, stays
//   - the first byte of a device name of Windows (CON, nul.txt, ...)
//   - every '-' of a string that has the shape of a BlockName, so that a hostile key cannot make a
//     directory where a file belongs
//
// The empty string becomes "is~empty". What would be longer than MaxSegment bytes becomes its first 120 bytes, '~' and
// the SHA-256 of s in base32. Where the file system ignores case, two strings that differ only in case share a
// directory. No file names collide there, because they hold sequences.
func EscapeSegment(s string) string {
	switch s {
	case "":
		return emptySegment
	case noneSegment:
		return noneSegment
	}
	var out strings.Builder
	escapeFirst, escapeDash, firstEquals := s[0] == '_' || isDeviceName(s), hasBlockShape(s), strings.IndexByte(s, '=')
	for i := range len(s) {
		innerDot := s[i] == '.' && i > 0 && i < len(s)-1
		escape := i == 0 && escapeFirst || s[i] == '-' && escapeDash || s[i] == '=' && i > firstEquals
		if !escape && (isPlain(s[i]) || innerDot) {
			out.WriteByte(s[i])
			continue
		}
		out.WriteByte('%')
		out.WriteByte(upperHex[s[i]>>4])
		out.WriteByte(upperHex[s[i]&0xf])
	}
	if out.Len() <= MaxSegment {
		return out.String()
	}
	return hashSegment(s, out.String())
}

// EscapeDir makes the name of a directory of data of any string. It is EscapeSegment with two additions, and injective,
// too. A leading '_' is always escaped, also that of "_none", because readers of tables pass over directories with it.
// The first byte of the value in NAME=NULL is escaped, in any case, because readers of hive partitions take it
// for SQL's NULL before they decode it, and for the text afterwards.
func EscapeDir(s string) string {
	dir := EscapeSegment(s)
	if rest, hidden := strings.CutPrefix(dir, "_"); hidden {
		return "%5F" + rest
	}
	if name, value, found := strings.Cut(dir, "="); found && strings.EqualFold(value, "NULL") {
		dir = fmt.Sprintf("%s=%%%02X%s", name, value[0], value[1:])
	}
	if len(dir) > MaxSegment {
		return hashSegment(s, dir)
	}
	return dir
}

// hashSegment shortens escaped, the escaped form of s.
func hashSegment(s, escaped string) string {
	keep := escaped[:hashedPrefix]
	if i := strings.LastIndexByte(keep, '%'); i > hashedPrefix-3 {
		keep = keep[:i] // do not split an escape
	}
	// Do not split a character either: DuckDB stops at half of one.
	for part, _ := unescape(keep); utf8.ValidString(s) && !utf8.ValidString(part); part, _ = unescape(keep) {
		keep = keep[:len(keep)-len("%XX")]
	}
	sum := sha256.Sum256([]byte(s))
	return keep + "~" + segmentHash.EncodeToString(sum[:])
}

// UnescapeSegment is the inverse of EscapeSegment. It refuses strings that EscapeSegment does not return, and hashed
// segments, which cannot be undone; a plan holds the key itself.
func UnescapeSegment(segment string) (string, error) {
	if segment == emptySegment {
		return "", nil
	}
	if strings.Contains(segment, "~") {
		return "", fmt.Errorf("unescape path segment %q: it was shortened to a hash", segment)
	}
	s, err := unescape(segment)
	if err != nil {
		return "", fmt.Errorf("unescape path segment %q: %w", segment, err)
	}
	if EscapeSegment(s) != segment {
		return "", fmt.Errorf("unescape path segment %q: not an escaped segment, expected %q", segment, EscapeSegment(s))
	}
	return s, nil
}

// unescape replaces the escapes in a segment, without a look at what else EscapeSegment does.
func unescape(segment string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(segment); i++ {
		if segment[i] != '%' {
			out.WriteByte(segment[i])
			continue
		}
		if i+2 >= len(segment) {
			return "", errors.New("'%' without two digits")
		}
		high, low := strings.IndexByte(upperHex, segment[i+1]), strings.IndexByte(upperHex, segment[i+2])
		if high < 0 || low < 0 {
			return "", errors.New("'%' without two upper-case hexadecimal digits")
		}
		out.WriteByte(byte(high<<4 | low))
		i += 2
	}
	return out.String(), nil
}

// isPlain reports whether a byte stands for itself anywhere in a segment.
func isPlain(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || isDigit(b) || b == '_' || b == '=' || b == '-'
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// isDeviceName reports whether Windows takes s for a device: a reserved name with any extension, in any case
// (learn.microsoft.com, "Naming Files, Paths, and Namespaces").
func isDeviceName(s string) bool {
	base, _, _ := strings.Cut(s, ".")
	if len(base) < 3 || len(base) > 4 { // spaces before the dot, which Windows drops, are escaped anyway
		return false
	}
	name := strings.ToUpper(base[:3])
	if len(base) == 3 {
		return name == "CON" || name == "PRN" || name == "AUX" || name == "NUL"
	}
	return (name == "COM" || name == "LPT") && isDigit(base[3])
}
