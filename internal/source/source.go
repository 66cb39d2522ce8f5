// Package source parses and evaluates SOURCE expressions: the one small language in which flags and configuration files
// say where in a message a key or a column comes from.
//
//	subject        the whole subject
//	subject[N]     its Nth token; tokens count from 1
//	header:NAME    the first value of a header; names are case-sensitive, as in nats.Header.Get
//	json:PATH      a value of the JSON payload, such as json:order.items.0.sku (see below)
//	payload        the payload as it is
//	seq            the stream sequence
//	time           the stream's timestamp, RFC 3339 with up to nine decimals, UTC
//
// A prefix name= gives an expression a name (ParseNamed): that of a column, or for a key the one in its directory
// name=value.
//
// PATH is the subset of the syntax of github.com/tidwall/gjson that names one place: member names and array indexes
// (from 0) separated by dots; "#" as a component is the length of an array, and "#.name" the array of that member of
// its elements; "@this" alone is the whole payload. A backslash takes the next character literally, as in json:a\.b for
// the member "a.b". A member whose name begins with "@" needs one only if gjson has a modifier of that name. Wildcards,
// queries, pipes, multipaths, literals, JSON lines and modifiers are refused: their result depends on the order of
// members, or costs more than one pass over a hostile payload.
//
// If an object has two members of one name, the first counts. A payload that is not valid JSON, or is nested deeper
// than 10,000 levels (the limit of encoding/json), has no JSON values: the NotJSON kind.
package source

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Message is what sources are evaluated on. Assign a whole Message for each message, and do not change fields of a used
// one: Eval remembers in it what it has found out about Data, so that several sources check the JSON only once. One
// goroutine uses it at a time.
type Message struct {
	Subject string
	Header  map[string][]string
	Data    []byte // must not change while a Value from it is in use
	Seq     uint64 // stream sequence
	Time    time.Time

	json validity // of Data
}

// what names the origin of a value within a message.
type what uint8

const (
	nowhere what = iota
	subject
	subjectToken
	header
	jsonWhole
	jsonPath
	payload
	seq
	timestamp
)

// Source is a parsed expression. It is immutable and safe for concurrent use. Two sources are equal (==) if their
// expressions are. The zero Source has an empty text, and its value is missing in every message.
type Source struct {
	what  what
	token int    // subjectToken: from 1
	arg   string // header name or JSON path
	text  string
}

// String returns the expression as it was parsed.
func (s Source) String() string { return s.text }

// HeaderName returns the name of the header if the source is header:NAME.
func (s Source) HeaderName() (name string, ok bool) { return s.arg, s.what == header }

// IsPayload reports whether the source is the whole payload as it is.
func (s Source) IsPayload() bool { return s.what == payload }

// IsJSON reports whether the source is a value of the JSON payload.
func (s Source) IsJSON() bool { return s.what == jsonPath || s.what == jsonWhole }

// Named is a source with its name, if it has one.
type Named struct {
	Name   string // "" if the expression had no name= prefix
	Source Source
}

// String returns the expression as it was parsed.
func (n Named) String() string {
	if n.Name == "" {
		return n.Source.text
	}
	return n.Name + "=" + n.Source.text
}

// Parse parses one expression without a name. Its error is a *SyntaxError.
func Parse(expr string) (Source, error) {
	return parse(expr, 0)
}

// ParseNamed parses "name=SOURCE" or "SOURCE". A name has at most 64 ASCII letters, digits, "_", "-" and inner dots,
// and begins with a letter. So a path holds it unescaped, readers of name=value directories do not skip it (as they do
// with a leading "_" or "."), and the first "=" ends it. The error is a *SyntaxError whose position counts from the
// start of expr.
func ParseNamed(expr string) (Named, error) {
	name, _, found := strings.Cut(expr, "=")
	// The "=" of json:a=b belongs to the path.
	if !found || strings.HasPrefix(expr, headerPrefix) || strings.HasPrefix(expr, jsonPrefix) {
		s, err := Parse(expr)
		return Named{Source: s}, err
	}
	if pos, problem := CheckName(name); problem != "" {
		return Named{}, &SyntaxError{
			Expr: expr, Pos: pos + 1, Problem: problem,
			Hint: "a name has letters, digits, _, - and inner dots, and begins with a letter",
		}
	}
	s, err := parse(expr, len(name)+1)
	return Named{Name: name, Source: s}, err
}

const (
	headerPrefix = "header:"
	jsonPrefix   = "json:"
	maxName      = 64
)

// parse parses expr from the byte offset at on. Positions in its error count from the start of expr.
func parse(expr string, at int) (Source, error) {
	text := expr[at:]
	s := Source{text: text}
	fail := func(pos int, problem, hint string) (Source, error) {
		return Source{}, &SyntaxError{Expr: expr, Pos: at + pos + 1, Problem: problem, Hint: hint}
	}
	switch {
	case text == "subject":
		s.what = subject
	case text == "payload":
		s.what = payload
	case text == "seq":
		s.what = seq
	case text == "time":
		s.what = timestamp
	case strings.HasPrefix(text, "subject["):
		n, pos, problem := parseToken(text)
		if problem != "" {
			return fail(pos, problem, "as in subject[2]")
		}
		s.what, s.token = subjectToken, n
	case strings.HasPrefix(text, headerPrefix):
		s.what, s.arg = header, text[len(headerPrefix):]
		if pos, problem := checkHeaderName(s.arg); problem != "" {
			return fail(len(headerPrefix)+pos, problem, "as in header:Nats-Msg-Id")
		}
	case strings.HasPrefix(text, jsonPrefix):
		s.what, s.arg = jsonPath, text[len(jsonPrefix):]
		if s.arg == "@this" {
			s.what = jsonWhole
			break
		}
		if p := checkPath(s.arg); p != nil {
			return fail(len(jsonPrefix)+p.pos, p.problem, p.hint)
		}
	case text == "":
		return fail(0, "no source", "use "+allowed)
	default:
		return fail(0, "unknown source "+strconv.Quote(text), hint(text))
	}
	return s, nil
}

// parseToken parses "subject[N]", of which the caller has seen the bracket.
func parseToken(text string) (n, pos int, problem string) {
	start := len("subject[")
	end := strings.IndexByte(text, ']')
	if end < 0 {
		return 0, len(text), "the closing ] is missing"
	}
	if end != len(text)-1 {
		return 0, end + 1, fmt.Sprintf("%q follows the ]", text[end+1:])
	}
	digits := text[start:end]
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, start, fmt.Sprintf("%q is not a token number", digits)
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > maxTokens {
		return 0, start, fmt.Sprintf("token %s: no subject has more than %d", digits, maxTokens)
	}
	if n == 0 {
		return 0, start, "tokens count from 1"
	}
	return n, 0, ""
}

// maxTokens is more than a subject can have. By default nats-server refuses control lines, which include the subject,
// of more than 4,096 bytes, and operators rarely raise that. A token and its dot take two bytes.
const maxTokens = 1 << 16

// checkHeaderName accepts every name that a NATS header block can hold. Other clients write names that nats.go would
// not.
func checkHeaderName(name string) (pos int, problem string) {
	if name == "" {
		return 0, "the header's name is missing"
	}
	if i := strings.IndexAny(name, ":\r\n"); i >= 0 {
		return i, fmt.Sprintf("a header's name cannot hold %q", rune(name[i]))
	}
	if name[0] == ' ' || name[len(name)-1] == ' ' {
		return 0, fmt.Sprintf("space around the header's name %q", name)
	}
	return 0, ""
}

// CheckName returns what is wrong with a name of an expression, and at which byte from 0. problem is empty for a valid
// name.
func CheckName(name string) (pos int, problem string) {
	if name == "" {
		return 0, "nothing before the ="
	}
	if len(name) > maxName {
		return maxName, fmt.Sprintf("the name is longer than %d bytes", maxName)
	}
	for i, c := range name {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		inner := '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.' && i < len(name)-1
		if !letter && (!inner || i == 0) {
			return i, fmt.Sprintf("%q is not allowed there in the name %q", c, name)
		}
	}
	return 0, ""
}
