package source

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// pathProblem is what checkPath found; pos is a byte offset.
type pathProblem struct {
	pos           int
	problem, hint string
}

// checkPath accepts the subset of gjson's path syntax that the package documents, so that each accepted path means to
// gjson what is documented. What it refuses may be allowed later. The reverse would break the settings of archives.
func checkPath(path string) *pathProblem {
	for start := 0; ; {
		end, p := checkComponent(path, start)
		if p != nil {
			return p
		}
		if end == len(path) {
			return nil
		}
		start = end + 1 // after the dot
	}
}

// checkComponent checks the component of path that begins at start and returns where it ends: at a dot or at the end of
// path.
func checkComponent(path string, start int) (end int, p *pathProblem) {
	if p := checkFirst(path, start); p != nil {
		return 0, p
	}
	for i := start; i < len(path); i++ {
		switch c := path[i]; c {
		case '\\':
			if i++; i == len(path) {
				return 0, &pathProblem{i - 1, `nothing follows the \`, `write \\ for a backslash`}
			}
		case '.':
			return i, nil
		case '*', '?':
			return 0, notAllowed(i, "wildcards are not allowed", c)
		case '|':
			return 0, notAllowed(i, "pipes are not allowed", c)
		}
	}
	return len(path), nil
}

// maxIndex is the largest number of digits of an array index. Beyond it, gjson's number would wrap around.
const maxIndex = 18

// checkFirst checks for characters that are special only at the start of a component.
func checkFirst(path string, start int) *pathProblem {
	rest := path[start:]
	if rest == "" || rest[0] == '.' {
		return &pathProblem{start, "an empty path component", "as in json:order.items.0.sku"}
	}
	component, _, _ := strings.Cut(rest, ".")
	if len(component) > maxIndex && strings.Trim(component, "0123456789") == "" {
		return notAllowed(start, "the array index is too large", rest[0])
	}
	switch rest[0] {
	case '[', '{':
		return notAllowed(start, "multipaths are not allowed", rest[0])
	case '!':
		return notAllowed(start, "literals are not allowed", rest[0])
	case '#':
		if len(rest) > 1 && (rest[1] == '(' || rest[1] == '[') {
			return notAllowed(start, "queries are not allowed", rest[0])
		}
	case '@':
		name := rest[1:]
		if i := strings.IndexAny(name, ".|:"); i >= 0 {
			name = name[:i]
		}
		if gjson.ModifierExists(name, nil) {
			return notAllowed(start, fmt.Sprintf("the modifier @%s is not allowed", name), rest[0])
		}
	}
	return nil
}

func notAllowed(pos int, problem string, c byte) *pathProblem {
	return &pathProblem{pos, problem, fmt.Sprintf(`write \%c if it is part of a member's name`, c)}
}
