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

// TestREADMECode holds the README's Go code to examples/basic, which is compiled and run.
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

// withoutIndent makes code of a function comparable, which stands further to the left in the README.
func withoutIndent(code string) string {
	return regexp.MustCompile(`\n\t*`).ReplaceAllString(code, "\n")
}

// TestREADMEOptions compares the README's table of options, and their defaults, with what the command says.
func TestREADMEOptions(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "jetcapture")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "../cmd/jetcapture").CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	help, err := exec.CommandContext(t.Context(), bin, "run", "--help").Output()
	if err != nil {
		t.Fatalf("jetcapture run --help: %v", err)
	}
	said, wrote := optionsOfHelp(string(help)), optionsOfTable(read(t, "../README.md"))
	if len(said) == 0 {
		t.Fatalf("no option in\n%s", help)
	}
	for name := range said {
		if def, ok := wrote[name]; !ok || def != said[name] {
			t.Errorf("%s: the README says default %q (there: %v), the command says %q", name, def, ok, said[name])
		}
		delete(wrote, name)
	}
	for name := range wrote {
		t.Errorf("%s: the command does not have it", name)
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

// optionsOfTable returns the options of the README's table, with their defaults.
func optionsOfTable(readme string) map[string]string {
	options := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| (?:`-\\w`, )?`(--[\\w-]+)[^`]*` \\| *(.*?) *\\|")
	for _, m := range row.FindAllStringSubmatch(readme, -1) {
		options[m[1]] = m[2]
	}
	return options
}

// TestLinks looks for the files and headings that the documents link to.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`)
	for _, doc := range []string{"../README.md", "../CONTRIBUTING.md", "../docs/DESIGN.md"} {
		for _, m := range link.FindAllStringSubmatch(read(t, doc), -1) {
			target := doc
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(doc), m[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", doc, m[1], err)
			} else if m[2] != "" && !headings(read(t, target))[m[2]] {
				t.Errorf("%s links to the heading %q, which %s does not have", doc, m[2], target)
			}
		}
	}
}

// headings returns the anchors that GitHub makes of the headings of a document.
func headings(doc string) map[string]bool {
	anchors := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(doc, -1) {
		text := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		anchors[strings.ReplaceAll(text, " ", "-")] = true
	}
	return anchors
}
