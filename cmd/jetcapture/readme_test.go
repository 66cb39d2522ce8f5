package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocumentsHaveTheOptions: the tables of options are made of the options, as the help is. docs/COMMAND.md has all
// rows, the README has some.
func TestDocumentsHaveTheOptions(t *testing.T) {
	table := regexp.MustCompile(`(?s)\| Option \| Default \| \|\n.*?\n\n`)
	checkDocument(t, "../../docs/COMMAND.md", table, func(string) string { return optionTable() + "\n" })

	rows := strings.SplitAfter(optionTable(), "\n")
	checkDocument(t, "../../README.md", regexp.MustCompile("(?m)^\\| `-.*\n"), func(row string) string {
		head, _, _ := strings.Cut(row, "` |")
		if i := slices.IndexFunc(rows, func(r string) bool { return strings.HasPrefix(r, head+"` |") }); i >= 0 {
			return rows[i]
		}
		t.Errorf("the command has no option %s", head)
		return row
	})
}

// checkDocument compares each part of a document with what it should be. With -update it writes it.
func checkDocument(t *testing.T, name string, part *regexp.Regexp, want func(part string) string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !part.Match(b) {
		t.Fatalf("%s has no table of options", name)
	}
	doc := part.ReplaceAllStringFunc(string(b), want)
	if doc == string(b) {
		return
	}
	if !*update {
		t.Errorf("%s has other options; go test -update writes them", name)
	} else if err := os.WriteFile(name, []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
}

// optionTable is the table of all options, in Markdown.
func optionTable() string {
	var b strings.Builder
	b.WriteString("| Option | Default | |\n|---|---|---|\n")
	byDefault := regexp.MustCompile(` \((?:default: ([^;)]*))?(?:; )?(?:environment: ([^)]*))?\)$`)
	for _, g := range runOptions() {
		b.WriteString("| **" + g.title + "** | | |\n")
		for _, o := range g.options {
			help, def := o.help+defaultHelp(o), ""
			if m := byDefault.FindStringSubmatch(help); m != nil {
				def = m[1]
				help = strings.TrimSuffix(help, m[0])
				if m[2] != "" {
					help += "; also `" + m[2] + "`"
				}
			}
			inside := regexp.MustCompile(` \(default: ([^)]*)\)`)
			if m := inside.FindStringSubmatch(help); m != nil {
				def, help = m[1], strings.Replace(help, m[0], "", 1)
			}
			b.WriteString("| " + optionHead(o) + " | " + def + " | " + strings.ReplaceAll(help, "|", `\|`) + " |\n")
		}
	}
	return b.String()
}

func optionHead(o option) string {
	if o.envOnly {
		return "`" + o.env + "`"
	}
	head := "`" + strings.TrimSuffix("--"+o.name+" "+o.arg, " ") + "`"
	if o.alias != "" {
		head = "`-" + o.alias + "`, " + head
	}
	return head
}
