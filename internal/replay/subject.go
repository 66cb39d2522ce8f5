package replay

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Mapping gives messages of some subjects other ones.
type Mapping struct {
	text     string
	from, to []string
}

// String is what ParseMapping has read.
func (m Mapping) String() string { return m.text }

// ParseMapping reads FROM=TO. FROM has the wildcards of NATS. In TO, $1 is what the first * of FROM stands for, and so
// on, and > at the end what > at the end of FROM stands for.
func ParseMapping(s string) (Mapping, error) {
	from, to, ok := strings.Cut(s, "=")
	m := Mapping{s, strings.Split(from, "."), strings.Split(to, ".")}
	if !ok {
		return m, fmt.Errorf("%q is not FROM=TO, such as orders.>=copy.orders.>", s)
	}
	stars := 0
	for i, token := range m.from {
		switch {
		case token == "", token == ">" && i < len(m.from)-1:
			return m, fmt.Errorf("%q is not a subject with wildcards", from)
		case token == "*":
			stars++
		}
	}
	for i, token := range m.to {
		if err := m.checkTo(i, token, stars); err != nil {
			return m, fmt.Errorf("%q: %w", to, err)
		}
	}
	return m, nil
}

func (m *Mapping) checkTo(i int, token string, stars int) error {
	if n, ok := wildcard(token); ok && (n < 1 || n > stars) {
		return fmt.Errorf("%s stands for nothing: the other side has %d of *", token, stars)
	}
	switch {
	case token == "", token == "*", strings.ContainsAny(token, " \t\r\n"):
		return errors.New("it is not a subject")
	case token == ">" && (i < len(m.to)-1 || m.from[len(m.from)-1] != ">"):
		return errors.New("> may stand at the end, if it stands at the end of the other side")
	}
	return nil
}

// wildcard returns the number of a token such as $1.
func wildcard(token string) (n int, ok bool) {
	number, ok := strings.CutPrefix(token, "$")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(number)
	return n, err == nil
}

// apply returns the other subject, or false if FROM does not match.
func (m *Mapping) apply(subject string) (string, bool) {
	tokens := strings.Split(subject, ".")
	var stars []string
	var rest string
	for i, want := range m.from {
		switch {
		case i >= len(tokens):
			return "", false
		case want == ">":
			rest = strings.Join(tokens[i:], ".")
			tokens = tokens[:i+1]
		case want == "*":
			stars = append(stars, tokens[i])
		case want != tokens[i]:
			return "", false
		}
	}
	if len(tokens) > len(m.from) {
		return "", false
	}
	var out []string
	for _, token := range m.to {
		if n, ok := wildcard(token); ok {
			token = stars[n-1]
		} else if token == ">" {
			token = rest
		}
		out = append(out, token)
	}
	return strings.Join(out, "."), true
}

// Subject returns the subject that the first mapping which matches gives; without one it stays.
func Subject(all []Mapping, subject string) string {
	for i := range all {
		if to, ok := all[i].apply(subject); ok {
			return to
		}
	}
	return subject
}
