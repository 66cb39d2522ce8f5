package wire

import (
	"fmt"
	"strings"
)

// Matches reports whether a subject, as a message has it, matches a filter with the wildcards * and >.
func Matches(filter, subject string) bool { return matches(filter, subject, true) }

// Covers reports whether wide matches every subject that narrow matches. Both may have wildcards.
func Covers(wide, narrow string) bool { return matches(wide, narrow, false) }

// Overlap reports whether a subject may match both filters.
func Overlap(a, b string) bool {
	for {
		x, restA, moreA := strings.Cut(a, ".")
		y, restB, moreB := strings.Cut(b, ".")
		switch {
		case x == ">" || y == ">":
			return true
		case x != y && x != "*" && y != "*", moreA != moreB:
			return false
		case !moreA:
			return true
		}
		a, b = restA, restB
	}
}

// matches compares token by token. In a literal subject, > is a token like any other.
func matches(filter, subject string, literal bool) bool {
	for {
		want, filterRest, filterMore := strings.Cut(filter, ".")
		token, rest, more := strings.Cut(subject, ".")
		switch {
		case want == ">":
			return true
		case token == ">" && !literal:
			return false
		case want != "*" && want != token, filterMore != more:
			return false
		case !more:
			return true
		}
		filter, subject = filterRest, rest
	}
}

// CheckSubject says why a text is not a subject, by the rules of nats-server (sublist.go, isValidSubject). Wildcards
// are allowed.
func CheckSubject(subject string) error {
	if subject == "" || strings.ContainsAny(subject, " \t\r\n\f\x00") {
		return fmt.Errorf("%q is not a subject: it is empty or contains blanks", subject)
	}
	tokens := strings.Split(subject, ".")
	for i, t := range tokens {
		switch {
		case t == "":
			return fmt.Errorf("%q is not a subject: a part between dots is empty", subject)
		case t == ">" && i < len(tokens)-1:
			return fmt.Errorf("%q is not a subject: the wildcard > can only be its last part", subject)
		}
	}
	return nil
}
