package source

import (
	"fmt"
	"strings"
)

// Repeated returns an error for each name of a key or a column that was given before. Most readers of tables ignore
// case, so names that differ in nothing else are refused, too. Empty names do not count. option is what the errors
// begin with.
func Repeated(option string, names []string) (problems []error) {
	seen := map[string]string{}
	for _, n := range names {
		if n == "" {
			continue
		}
		folded := strings.ToLower(n)
		switch other, ok := seen[folded]; {
		case ok && other == n:
			problems = append(problems, fmt.Errorf("%s: the name %s is given twice", option, n))
		case ok:
			problems = append(problems, fmt.Errorf("%s: the names %s and %s are one to most readers", option, other, n))
		}
		seen[folded] = n
	}
	return problems
}
