package place

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/source"
)

// template is a parsed --path: a directory level for each segment. It gives different keys different directories,
// whatever their values are.
type template struct {
	segments [][]piece
	keys     []source.Named // the values that render needs, in this order
}

// piece is a part of a segment: a literal text, a time, or the value of a key.
type piece struct {
	literal string
	layout  string // of package time
	key     int    // index of a key
	isKey   bool
	reserve string // bytes that are escaped in the value, so that they cannot be taken for a separator
}

// timeFields are the fields of time by their names in strftime.
func timeFields() map[byte]string {
	return map[byte]string{'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'F': "2006-01-02"}
}

// separators are the bytes that can stand between two values of a segment. A path never escapes them.
const separators = "-._"

// parseTemplate parses a template. Its placeholders are {NAME} for a key of that name and {SOURCE}, which is a further
// key.
func parseTemplate(text string, keys []source.Named) (*template, error) {
	t := &templateParser{template: template{keys: slices.Clone(keys)}, used: map[int]bool{}}
	for i, segment := range splitSegments(text) {
		pieces, err := t.segment(segment)
		if err != nil {
			return nil, err
		}
		if len(pieces) == 0 {
			return nil, fmt.Errorf("level %d is empty; write it as in region={json:region}/date=%%F/hour=%%H", i+1)
		}
		t.segments = append(t.segments, pieces)
	}
	for i, k := range keys {
		if !t.used[i] {
			return nil, fmt.Errorf("the key %s is missing: files of different keys would meet; add {%s}", k, nameOrSource(k))
		}
	}
	return &t.template, nil
}

// templateParser is a template in the making.
type templateParser struct {
	template
	used map[int]bool // the keys for which there is a placeholder, by index
}

// nameOrSource is how a placeholder names the key.
func nameOrSource(k source.Named) string {
	if k.Name != "" {
		return k.Name
	}
	return k.Source.String()
}

// splitSegments splits at the slashes outside of placeholders.
func splitSegments(text string) (segments []string) {
	start, inside := 0, false
	text = strings.TrimSuffix(text, "/")
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && inside:
			i++
		case text[i] == '{':
			inside = true
		case text[i] == '}':
			inside = false
		case text[i] == '/' && !inside:
			segments, start = append(segments, text[start:i]), i+1
		}
	}
	return append(segments, text[start:])
}

// segment parses one directory level.
func (t *templateParser) segment(text string) (pieces []piece, err error) {
	for rest := text; rest != ""; {
		var p piece
		switch rest[0] {
		case '{':
			p, rest, err = t.placeholder(rest)
		case '%':
			p, rest, err = parseTime(rest)
		case '}':
			err = errors.New("a } without a {")
		default:
			end := strings.IndexAny(rest, "{}%")
			if end < 0 {
				end = len(rest)
			}
			p, rest = piece{literal: rest[:end]}, rest[end:]
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		pieces = append(pieces, p)
	}
	if err := checkLiterals(pieces); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	if err := separate(pieces); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	return pieces, nil
}

// placeholder parses {...}. A backslash takes the next character as it is, as in the path of a json: source.
func (t *templateParser) placeholder(text string) (p piece, rest string, err error) {
	end := 1
	for end < len(text) && text[end] != '}' {
		if text[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(text) {
		return p, "", errors.New("the closing } is missing")
	}
	name := text[1:end]
	rest = text[end+1:]
	for i, k := range t.keys {
		if k.Name == name || k.Name == "" && k.Source.String() == name {
			t.used[i] = true
			return piece{key: i, isKey: true}, rest, nil
		}
	}
	s, err := source.Parse(name)
	if err != nil {
		return p, "", fmt.Errorf("no --key has that name, and %w", err)
	}
	t.keys = append(t.keys, source.Named{Source: s})
	return piece{key: len(t.keys) - 1, isKey: true}, rest, nil
}

// parseTime parses a field of time at the beginning of a text.
func parseTime(text string) (p piece, rest string, err error) {
	if len(text) > 1 {
		if layout, ok := timeFields()[text[1]]; ok {
			return piece{layout: layout}, text[2:], nil
		}
	}
	return p, "", fmt.Errorf("%.2s is no field of time: %%Y, %%m, %%d, %%H and %%M are, and %%F for %%Y-%%m-%%d", text)
}

// checkLiterals refuses texts that a path would escape: the user would find others there.
func checkLiterals(pieces []piece) error {
	var b strings.Builder
	for _, p := range pieces {
		if p.isKey || p.layout != "" {
			b.WriteByte('x')
		}
		b.WriteString(p.literal)
	}
	whole := b.String()
	if whole != "" && cutlog.EscapeSegment(whole) != whole {
		return errors.New("take letters, digits, _, =, - and inner dots, and no _ at the beginning, besides what is in { }")
	}
	return nil
}

// separate makes sure that the values of a segment can be told apart: a separator, which is escaped in the values,
// stands between any two.
func separate(pieces []piece) error {
	last, between := -1, ""
	for i, p := range pieces {
		switch {
		case !p.isKey:
			between += p.literal
		case last < 0:
			last, between = i, ""
		default:
			at := strings.IndexAny(between, separators)
			if at < 0 {
				return fmt.Errorf("nothing separates two values: put one of %s between them, or a /",
					strings.Join(strings.Split(separators, ""), " "))
			}
			pieces[last].reserve = separators
			pieces[i].reserve = separators
			last, between = i, ""
		}
	}
	return nil
}

// render returns the directories of the values of the keys and of a window. They are not escaped.
func (t *template) render(values []string, window time.Time) []string {
	dirs := make([]string, len(t.segments))
	for i, pieces := range t.segments {
		var b strings.Builder
		for _, p := range pieces {
			switch {
			case p.isKey && p.key < len(values):
				reserve(&b, values[p.key], p.reserve)
			case p.layout != "":
				b.WriteString(window.Format(p.layout))
			default:
				b.WriteString(p.literal)
			}
		}
		dirs[i] = partition(b.String())
	}
	return dirs
}

// partition returns the name of a directory. Where that is NAME=VALUE, readers take the value for a text.
func partition(dir string) string {
	equals := strings.IndexByte(dir, '=')
	if equals < 0 {
		return dir
	}
	return string(source.GuardPartition([]byte(dir), equals+1))
}

// reserve writes a value. If there are special bytes, it writes these and % as % and two hexadecimal digits.
func reserve(b *strings.Builder, value, special string) {
	for i := range len(value) {
		if c := value[i]; special != "" && (c == '%' || strings.IndexByte(special, c) >= 0) {
			fmt.Fprintf(b, "%%%02X", c)
			continue
		}
		b.WriteByte(value[i])
	}
}
