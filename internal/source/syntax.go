package source

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jetcapture/jetcapture/internal/suggest"
)

// SyntaxError says what is wrong with an expression, at which place, and what to write instead.
type SyntaxError struct {
	Expr    string
	Pos     int // byte position in Expr, from 1
	Problem string
	Hint    string // may be empty
}

// Error returns one line.
func (e *SyntaxError) Error() string {
	msg := fmt.Sprintf("source %q: position %d: %s", e.Expr, e.Pos, e.Problem)
	if e.Hint != "" {
		msg += "; " + e.Hint
	}
	return msg
}

// allowed lists the forms for people.
const allowed = "subject, subject[N], header:NAME, json:PATH, payload, seq or time"

// hint returns the hint for an unknown expression: the form that was probably meant, if any, and the list of all
// forms.
func hint(text string) string {
	if meant := guess(text); meant != "" {
		return fmt.Sprintf("did you mean %s? Allowed are %s", meant, allowed)
	}
	return "allowed are " + allowed
}

// guess returns the form that text probably means, or "".
func guess(text string) string {
	trimmed := strings.TrimSpace(text)
	word, rest := trimmed, ""
	if i := strings.IndexAny(trimmed, ":[(.$"); i >= 0 {
		word, rest = trimmed[:i], strings.Trim(trimmed[i+1:], ".)]")
	}
	number := rest != "" && strings.Trim(rest, "0123456789") == ""
	switch form(strings.ToLower(word)) {
	case "subject":
		if number {
			return "subject[" + rest + "]"
		}
		return "subject"
	case "header":
		return headerPrefix + orElse(rest, "NAME")
	case "json":
		return jsonPrefix + orElse(rest, "PATH")
	case "seq":
		return "seq"
	case "time":
		return "time"
	}
	return ""
}

// form returns the keyword nearest to word: the one that word is a synonym of, or one at most two edits away (one for
// short words).
func form(word string) string {
	switch word {
	case "", "$", "body", "data", "payload":
		return "json"
	case "headers", "hdr":
		return "header"
	case "token", "tokens", "topic":
		return "subject"
	case "sequence", "stream_seq", "offset":
		return "seq"
	case "timestamp", "ts", "date":
		return "time"
	}
	for _, k := range []string{"subject", "header", "json", "seq", "time"} {
		if suggest.Distance(word, k) <= len(k)/3 {
			return k
		}
	}
	return ""
}

// orElse returns s, or the placeholder if s is empty or not printable.
func orElse(s, placeholder string) string {
	if s == "" || strconv.Quote(s) != `"`+s+`"` {
		return placeholder
	}
	return s
}
