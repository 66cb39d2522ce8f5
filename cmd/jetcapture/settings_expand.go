package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// variableName is what may stand in ${ }. Anything else may be a piece of a password, and is not shown.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expandEnv replaces ${NAME} by a variable of the environment, which must be set and not empty. ${NAME:-TEXT} is TEXT
// if it is not, and $$ is a $. Any other $ stands for itself.
func expandEnv(text string, getenv func(string) string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "{"):
			inside, rest, closed := strings.Cut(after[1:], "}")
			if !closed {
				return "", errors.New("the } of ${NAME} is missing; write $$ for a $")
			}
			name, otherwise, has := strings.Cut(inside, ":-")
			if !variableName.MatchString(name) {
				return "", errors.New("what stands in ${ } is not the name of a variable; write $$ for a $")
			}
			v := getenv(name)
			if v == "" && !has && name == "CREDENTIALS_DIRECTORY" { // a default would be wrong below systemd
				return "", errors.New("the environment has no CREDENTIALS_DIRECTORY, which systemd sets: " +
					"elsewhere, put CREDENTIALS_DIRECTORY=FOLDER before the command")
			}
			if v == "" && !has {
				return "", fmt.Errorf("the environment has no %s; write ${%s:-TEXT} for what it is then", name, name)
			}
			if v == "" {
				v = otherwise
			}
			b.WriteString(v)
			text = rest
		default:
			b.WriteByte('$')
			text = after
		}
	}
}
