package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// configFile is a parsed configuration file: the same options as flags, for all captures and for each.
type configFile struct {
	path     string
	shared   []assignment
	captures []captureConfig // in the order of the file; none if the options are those of one capture
}

// captureConfig is one of several captures.
type captureConfig struct {
	name    string // in the archive
	line    int
	options []assignment
}

// assignment is an option with its texts, all of them if it is repeatable.
type assignment struct {
	option option
	key    string
	texts  []string
	line   int
}

// The members that are no options.
const (
	capturesKey  = "captures"
	secretSuffix = "_file" // of an option that holds a secret: the file that holds it
)

// configLoader reads a configuration file and collects what is wrong with it.
type configLoader struct {
	path     string
	expand   bool // replace ${NAME}
	getenv   func(string) string
	problems []error
}

// loadConfig reads a configuration file. Every problem names the line.
func loadConfig(path string, expand bool, getenv func(string) string) (*configFile, []error) {
	l := &configLoader{path: path, expand: expand, getenv: getenv}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, []error{fmt.Errorf("--config: %w", err)}
	}
	f := &configFile{path: path}
	document, err := oneDocument(b)
	if err != nil {
		return f, []error{fmt.Errorf("%s: %w", path, err)}
	}
	l.members(document.Content[0], func(key, v *yaml.Node) {
		if key.Value == capturesKey {
			f.captures = l.captures(v)
		} else if a, ok := l.assignment(key, v, false); ok {
			f.shared = append(f.shared, a)
		}
	})
	return f, l.problems
}

// oneDocument parses a YAML document that is alone.
func oneDocument(b []byte) (*yaml.Node, error) {
	var document, next yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(b))
	err := d.Decode(&document)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0:
		return nil, errors.New("it is empty")
	case err != nil:
		return nil, err
	}
	if err := d.Decode(&next); err == nil {
		return nil, fmt.Errorf("line %d: a second document; put all captures into one, below %s", next.Line, capturesKey)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return &document, nil
}

func (l *configLoader) problem(line int, format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf("%s:%d: "+format, append([]any{l.path, line}, args...)...))
}

// members calls f for each member of a mapping; none may come twice.
func (l *configLoader) members(n *yaml.Node, f func(key, v *yaml.Node)) {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		l.problem(n.Line, "a mapping is expected there, such as stream_name: ORDERS")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if before, twice := seen[key.Value]; twice {
			l.problem(key.Line, "%s: is in line %d already", key.Value, before)
			continue
		}
		seen[key.Value] = key.Line
		f(key, follow(n.Content[i+1]))
	}
}

// follow returns what an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func (l *configLoader) captures(n *yaml.Node) (all []captureConfig) {
	l.members(n, func(name, v *yaml.Node) {
		c := captureConfig{name: name.Value, line: name.Line}
		l.members(v, func(key, v *yaml.Node) {
			if a, ok := l.assignment(key, v, true); ok {
				c.options = append(c.options, a)
			}
		})
		all = append(all, c)
	})
	if len(all) == 0 && follow(n).Kind == yaml.MappingNode {
		l.problem(n.Line, "%s: there is none", capturesKey)
	}
	return all
}

// assignment reads an option.
func (l *configLoader) assignment(key, v *yaml.Node, ofCapture bool) (a assignment, ok bool) {
	o, isFile, found := optionOfKey(key.Value)
	switch {
	case !found:
		unknown := fmt.Sprintf("unknown key %s", key.Value)
		if meant := didYouMean("", key.Value, configKeys()); meant != "" {
			unknown += ": " + strings.TrimSpace(meant)
		}
		l.problem(key.Line, "%s", unknown)
		return a, false
	case ofCapture && o.process:
		l.problem(key.Line, "%s: is the same for all captures, put it beside %s", key.Value, capturesKey)
		return a, false
	case ofCapture && o.name == "capture":
		l.problem(key.Line, "%s: the capture has its name already", key.Value)
		return a, false
	}
	a = assignment{option: o, key: key.Value, line: v.Line}
	_, repeatable := o.of(defaults()).(repeatable)
	switch {
	case v.Kind == yaml.SequenceNode && repeatable:
		for _, one := range v.Content {
			a.texts = append(a.texts, l.scalar(key.Value, follow(one))...)
		}
	case v.Kind == yaml.SequenceNode:
		l.problem(v.Line, "%s: takes one value, no list", key.Value)
	default:
		a.texts = l.scalar(key.Value, v)
	}
	if isFile {
		a.texts = l.secret(a)
	}
	return a, len(a.texts) > 0 || v.Kind == yaml.SequenceNode
}

// scalar returns the text of a value.
func (l *configLoader) scalar(key string, n *yaml.Node) []string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		l.problem(n.Line, "%s: a value is expected there", key)
		return nil
	}
	text := n.Value
	if l.expand {
		var err error
		if text, err = expandEnv(text, l.getenv); err != nil {
			l.problem(n.Line, "%s: %w", key, err)
			return nil
		}
	}
	return []string{text}
}

// secret reads the file that holds the value.
func (l *configLoader) secret(a assignment) []string {
	if len(a.texts) != 1 {
		return nil
	}
	b, err := os.ReadFile(a.texts[0])
	if err != nil {
		l.problem(a.line, "%s: %w", a.key, err)
		return nil
	}
	return []string{strings.TrimRight(string(b), "\r\n")}
}

// expandEnv replaces ${NAME} by the variable of the environment, which must be set and not empty, ${NAME:-TEXT} by the text if it is not, and
// $$ by $. Any other $ stands for itself.
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
			v := getenv(name)
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

// key is the name of an option in a configuration file; empty if it has none there.
func (o option) key() string {
	if o.flagOnly {
		return ""
	}
	return strings.ReplaceAll(o.name, "-", "_")
}

// optionOfKey finds the option of a key; isFile says that the key names a file with the value.
func optionOfKey(key string) (o option, isFile, found bool) {
	for _, o := range allOptions() {
		switch {
		case o.key() == "":
		case key == o.key():
			return o, false, true
		case o.only && key == o.key()+secretSuffix:
			return o, true, true
		}
	}
	return o, false, false
}

// configKeys are all keys of options.
func configKeys() (keys []string) {
	for _, o := range allOptions() {
		if o.key() != "" {
			keys = append(keys, o.key())
		}
	}
	return append(keys, capturesKey)
}

// settings lays the file over the defaults, for each capture.
func (f *configFile) settings() (all []*settings, problems []error) {
	captures := f.captures
	if len(captures) == 0 {
		captures = []captureConfig{{}}
	}
	for _, c := range captures {
		s := defaults()
		s.name = c.name
		s.library.Archive.Capture = c.name
		for _, a := range slices.Concat(f.shared, c.options) {
			problems = append(problems, s.assign(f.path, a)...)
		}
		all = append(all, s)
	}
	return all, dedupe(problems)
}

// assign sets an option; a list takes the place of an earlier one.
func (s *settings) assign(path string, a assignment) (problems []error) {
	v := a.option.of(s)
	if list, ok := v.(repeatable); ok {
		list.reset()
	}
	s.given[a.option.name] = byFile
	for _, text := range a.texts {
		if err := v.Set(text); err != nil {
			s.unread[a.option.name] = true
			problems = append(problems, fmt.Errorf("%s:%d: %s: %w", path, a.line, a.key, err))
		}
	}
	return problems
}

// dedupe leaves out what was said before: what is shared is wrong for each capture.
func dedupe(problems []error) (kept []error) {
	seen := map[string]bool{}
	for _, p := range problems {
		if !seen[p.Error()] {
			kept = append(kept, p)
		}
		seen[p.Error()] = true
	}
	return kept
}
