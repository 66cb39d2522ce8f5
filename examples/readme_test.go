package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestREADMECode checks that the README's Go code is part of examples/basic, which is compiled and run.
func TestREADMECode(t *testing.T) {
	program := withoutIndent(read(t, "basic/main.go"))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, "../README.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no Go code")
	}
	for _, b := range blocks {
		if !strings.Contains(program, withoutIndent(b[1])) {
			t.Errorf("this code of the README is not in examples/basic/main.go:\n%s", b[1])
		}
	}
}

// withoutIndent makes code comparable, since it is less indented in the README.
func withoutIndent(code string) string {
	return regexp.MustCompile(`\n\t*`).ReplaceAllString(code, "\n")
}

// TestCommandDocument compares docs/COMMAND.md with what the command says: the options with their defaults, and the
// meaning of each SOURCE.
func TestCommandDocument(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "jetcapture")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "../cmd/jetcapture")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	help, err := exec.CommandContext(t.Context(), bin, "run", "--help").Output()
	if err != nil {
		t.Fatalf("jetcapture run --help: %v", err)
	}
	doc := read(t, "../docs/COMMAND.md")
	agree(t, "default of", optionsOfHelp(string(help)), optionsOfTable(doc))
	agree(t, "meaning of", sourcesOfHelp(string(help)), sourcesOfTable(doc))
}

// agree compares what the command and the document say of each name.
func agree(t *testing.T, what string, said, wrote map[string]string) {
	t.Helper()
	if len(said) == 0 {
		t.Errorf("the help has no %s anything", what)
	}
	for name := range said {
		if text, ok := wrote[name]; !ok || text != said[name] {
			t.Errorf("%s %s: the document says %q (there: %v), the command %q", what, name, text, ok, said[name])
		}
		delete(wrote, name)
	}
	for name := range wrote {
		t.Errorf("%s %s: the command does not have it", what, name)
	}
}

// optionsOfHelp returns the options of a help text, with their defaults.
func optionsOfHelp(help string) map[string]string {
	options := map[string]string{}
	option := regexp.MustCompile(`^  (?:-\w, )?(--[\w-]+)[ =]?.*`)
	byDefault := regexp.MustCompile(`\(default: ([^)]*)\)`)
	_, help, _ = strings.Cut(help, "What to capture:")
	help, _, _ = strings.Cut(help, "Flags override")
	var name, text string
	end := func() {
		if name == "" {
			return
		}
		options[name] = ""
		if d := byDefault.FindStringSubmatch(strings.Join(strings.Fields(text), " ")); d != nil {
			options[name] = d[1]
		}
	}
	for line := range strings.Lines(help) {
		if m := option.FindStringSubmatch(line); m != nil {
			end()
			name, text = m[1], ""
		}
		text += " " + line
	}
	end()
	return options
}

// optionsOfTable returns the options of the table in a document, with their defaults.
func optionsOfTable(doc string) map[string]string {
	options := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| (?:`-\\w`, )?`(--[\\w-]+)[^`]*` \\| *(.*?) *\\|")
	for _, m := range row.FindAllStringSubmatch(doc, -1) {
		options[m[1]] = m[2]
	}
	return options
}

// sourcesOfHelp returns what a help text says of each SOURCE.
func sourcesOfHelp(help string) map[string]string {
	_, list, _ := strings.Cut(help, "SOURCE is where")
	list, _, _ = strings.Cut(list, "A key without")
	sources := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^  (\S+) +(.*)$`).FindAllStringSubmatch(list, -1) {
		sources[m[1]] = m[2]
	}
	return sources
}

// sourcesOfTable returns what the table in a document says of each SOURCE.
func sourcesOfTable(doc string) map[string]string {
	_, table, _ := strings.Cut(doc, "| SOURCE | Value |")
	table, _, _ = strings.Cut(table, "\n\n")
	sources := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\S+)` \\| (.*) \\|$").FindAllStringSubmatch(table, -1) {
		sources[m[1]] = strings.ReplaceAll(m[2], "`", "")
	}
	return sources
}
