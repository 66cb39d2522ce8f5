package main

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/jetcapture/jetcapture/internal/urls"
)

// expanded is a variable of the environment that a configuration file has named. Its value may be a secret, even in an
// option that takes no secret.
type expanded struct{ name, value string }

// leastHidden is the length of the shortest text that is taken for a secret. A shorter one would be found within words.
const leastHidden = 4

// inQuotes matches what an error quotes.
var inQuotes = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// hide returns problems that have the names of variables in place of their values.
func hide(variables []expanded, problems ...error) []error {
	for i, p := range problems {
		text := p.Error()
		for _, v := range variables {
			text = v.hide(text)
		}
		if text != p.Error() {
			problems[i] = errors.New(text)
		}
	}
	return problems
}

// hide puts the name of the variable in place of its value, and of each part of it that the text quotes.
func (v expanded) hide(text string) string {
	name := "${" + v.name + "}"
	for _, shown := range []string{v.value, strings.Trim(strconv.Quote(v.value), `"`), urls.Show(v.value)} {
		if len(shown) >= leastHidden { // of a URL, little may be left to show
			text = strings.ReplaceAll(text, shown, name)
		}
	}
	return inQuotes.ReplaceAllStringFunc(text, func(quoted string) string {
		part, err := strconv.Unquote(quoted)
		if err == nil && len(part) >= leastHidden && strings.Contains(v.value, part) {
			return strconv.Quote(name)
		}
		return quoted
	})
}
