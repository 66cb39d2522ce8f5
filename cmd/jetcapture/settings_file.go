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

// fileSettings say which configuration file there is.
type fileSettings struct {
	path   string // empty: none
	expand bool   // replace ${NAME} in it
	shard  shard
}

// newFileSettings returns the defaults.
func newFileSettings() fileSettings { return fileSettings{expand: true} }

func (f *fileSettings) options() []option {
	return []option{
		{
			name: "config", flagOnly: true, arg: "FILE",
			help:  "take options from this YAML file, for one capture or several; flags and environment override it",
			value: text(&f.path),
		},
		{
			name: "expand-env", flagOnly: true, help: "replace ${NAME} in the file by a variable of the environment",
			value: boolean(&f.expand),
		},
		{
			name: "shard", flagOnly: true, env: "JETCAPTURE_SHARD", arg: "I/N", value: sharding(&f.shard),
			help: "run one of N equal parts of the captures of the file only, chosen by their names; I is 0 to N-1. Each of N " +
				"processes with the same file runs another part",
		},
	}
}

// configFile is a parsed configuration file. Its options are those that flags give, for all captures and for each one.
type configFile struct {
	path     string
	shared   []assignment
	captures []captureConfig // in the order of the file; none if the options are those of one capture
}

// captureConfig is one of the captures in a file.
type captureConfig struct {
	name    string // in the archive
	line    int
	options []assignment
}

// assignment gives an option its texts, several if it is repeatable.
type assignment struct {
	name  string // of the option
	key   string
	texts []string
	line  int

	written   string     // a text before a variable took its place in it; empty: none did
	variables []expanded // that are in the texts
}

// The members of a file that are not options.
const (
	capturesKey  = "captures"
	secretSuffix = "_file" // password_file names a file that holds the password
)

// configLoader reads a configuration file and collects what is wrong with it.
type configLoader struct {
	path     string
	expand   bool // ${NAME} is replaced
	options  optionSet
	getenv   func(string) string
	read     fileReader // of secrets
	problems []error
}

// fileReader reads a configuration file, and the files with secrets that it names: os.ReadFile or readAgain.
type fileReader func(path string) ([]byte, error)

// readAgain is os.ReadFile for a process that has begun its work. A pipe may have no writer any more: a reader waits,
// and so does the end of the process.
func readAgain(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: a pipe is read at the start of the process alone", path)
	}
	return os.ReadFile(path)
}

// loadConfig reads a configuration file. Each problem names its line. The file is nil if it cannot be read.
func loadConfig(
	path string, expand bool, getenv func(string) string, read fileReader,
) (*configFile, []error) {
	b, err := read(path)
	if err != nil {
		return nil, []error{fmt.Errorf("--config: %w", err)}
	}
	return parseConfig(path, b, expand, getenv, read)
}

// parseConfig reads the text of a configuration file. path is what its problems begin with.
func parseConfig(
	path string, b []byte, expand bool, getenv func(string) string, read fileReader,
) (*configFile, []error) {
	l := &configLoader{path: path, expand: expand, options: runOptions(), getenv: getenv, read: read}
	f := &configFile{path: path}
	document, err := oneDocument(b)
	if err != nil {
		return nil, []error{fmt.Errorf("%s: %w", path, err)}
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

// oneDocument parses a file that must hold one YAML document.
func oneDocument(b []byte) (*yaml.Node, error) {
	var document, next yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(b))
	err := d.Decode(&document)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0:
		return nil, errors.New("it is empty")
	case err != nil:
		return nil, withoutAnchor(err)
	}
	if err := d.Decode(&next); err == nil {
		return nil, fmt.Errorf("line %d: a second document; put all captures into one, below %s", next.Line, capturesKey)
	} else if !errors.Is(err, io.EOF) {
		return nil, withoutAnchor(err)
	}
	return &document, nil
}

// withoutAnchor takes the name of an unknown anchor out of an error: a password that begins with * looks like one.
func withoutAnchor(err error) error {
	if text := err.Error(); strings.Contains(text, "unknown anchor") {
		at, _, _ := strings.Cut(text, "unknown anchor")
		return errors.New(at + "unknown anchor: a value that begins with * belongs into quotes")
	}
	return err
}

// problem notes what is wrong in a line. Loading goes on, so that the user sees all problems at once.
func (l *configLoader) problem(line int, format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf("%s:%d: "+format, append([]any{l.path, line}, args...)...))
}

// members calls f for each member of a mapping. A name that comes twice is a problem.
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

// captures reads the captures. Their names are those in the archive, so they come in the order of the file.
func (l *configLoader) captures(n *yaml.Node) (all []captureConfig) {
	if n.Kind != yaml.MappingNode {
		l.problem(n.Line, "%s: names of captures are expected, each with its options", capturesKey)
		return nil
	}
	l.members(n, func(name, v *yaml.Node) {
		c := captureConfig{name: name.Value, line: name.Line}
		l.members(v, func(key, v *yaml.Node) {
			if a, ok := l.assignment(key, v, true); ok {
				c.options = append(c.options, a)
			}
		})
		all = append(all, c)
	})
	if len(all) == 0 {
		l.problem(n.Line, "%s: there is none", capturesKey)
	}
	return all
}

// assignment reads one member as an option.
func (l *configLoader) assignment(key, v *yaml.Node, ofCapture bool) (a assignment, ok bool) {
	o, isFile, found := l.options.ofKey(key.Value)
	switch {
	case !found:
		unknown := fmt.Sprintf("unknown key %s", key.Value)
		if meant := didYouMean("", key.Value, l.options.keys()); meant != "" {
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
	a = assignment{name: o.name, key: key.Value, line: v.Line}
	_, repeatable := o.value.(repeatable)
	switch {
	case v.Kind == yaml.SequenceNode && repeatable:
		for _, one := range v.Content {
			l.scalar(&a, follow(one))
		}
	case v.Kind == yaml.SequenceNode:
		l.problem(v.Line, "%s: takes one value, no list", key.Value)
	default:
		l.scalar(&a, v)
	}
	if isFile {
		a.texts = l.secret(a)
	}
	return a, len(a.texts) > 0 || v.Kind == yaml.SequenceNode
}

// scalar adds the text of a value, or none if there is a problem.
func (l *configLoader) scalar(a *assignment, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		l.problem(n.Line, "%s: a value is expected there", a.key)
		return
	}
	text := n.Value
	if l.expand {
		var err error
		text, err = expandEnv(text, func(name string) string {
			value := l.getenv(name)
			a.variables = append(a.variables, expanded{name, value})
			return value
		})
		if err != nil {
			l.problem(n.Line, "%s: %w", a.key, err)
			return
		}
	}
	if text != n.Value {
		a.written = n.Value
	}
	a.texts = append(a.texts, text)
}

// secret returns the content of the file that the assignment names.
func (l *configLoader) secret(a assignment) []string {
	if len(a.texts) != 1 {
		return nil
	}
	b, err := l.read(a.texts[0])
	if err != nil {
		l.problem(a.line, "%s: %w", a.key, hide(a.variables, err)[0])
		return nil
	}
	return []string{strings.TrimRight(string(b), "\r\n")}
}

// ofKey finds the option of a key in a configuration file. isFile says that the key names a file with the value.
func (s optionSet) ofKey(key string) (o option, isFile, found bool) {
	for _, o := range s.all() {
		switch {
		case o.key() == "":
		case key == o.key():
			return o, false, true
		case o.envOnly && key == o.key()+secretSuffix:
			return o, true, true
		}
	}
	return o, false, false
}

// keys are all keys of a configuration file.
func (s optionSet) keys() (keys []string) {
	for _, o := range s.all() {
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
		s := newSettings()
		s.name = c.name
		s.capture.library.Archive.Capture = c.name
		for _, a := range slices.Concat(f.shared, c.options) {
			if o, found := s.options.find(a.name); found {
				problems = append(problems, s.assign(o, a, f.path)...)
			}
		}
		all = append(all, s)
	}
	return all, dedupe(problems)
}
