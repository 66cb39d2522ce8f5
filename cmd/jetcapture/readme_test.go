package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestREADMEHasTheOptions: the table of the README is made of the options, as the help is.
func TestREADMEHasTheOptions(t *testing.T) {
	const name = "../../README.md"
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	readme := string(b)
	table := regexp.MustCompile(`(?s)\| Option \| Default \| \|\n.*?\n\n`)
	want := table.ReplaceAllLiteralString(readme, optionTable()+"\n")
	if *update && want != readme {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		readme = want
	}
	if want != readme || !table.MatchString(readme) {
		t.Error("the README has other options; go test -update writes them")
	}
}

// optionTable is the table of all options, in Markdown.
func optionTable() string {
	var b strings.Builder
	b.WriteString("| Option | Default | |\n|---|---|---|\n")
	byDefault := regexp.MustCompile(` \((?:default: ([^;)]*))?(?:; )?(?:environment: ([^)]*))?\)$`)
	for _, g := range groups() {
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
	if o.only {
		return "`" + o.env + "`"
	}
	head := "`" + strings.TrimSuffix("--"+o.name+" "+o.arg, " ") + "`"
	if o.alias != "" {
		head = "`-" + o.alias + "`, " + head
	}
	return head
}
