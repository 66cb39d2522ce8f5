package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const (
	helpWidth  = 100 // columns
	helpIndent = 32  // columns before the explanation of an option
)

// rootHelp is the help of the program.
func rootHelp(commands []*cobra.Command) string {
	var b strings.Builder
	b.WriteString(`jetcapture copies NATS JetStream streams, continuously, into immutable files that people can query.

Usage:
  jetcapture COMMAND [OPTIONS]

Commands:
`)
	for _, c := range commands {
		if !c.Hidden {
			fmt.Fprintf(&b, "  %-10s %s\n", c.Name(), c.Short)
		}
	}
	b.WriteString(exitTable)
	b.WriteString(`
jetcapture COMMAND --help explains a command. Start with: jetcapture demo
`)
	return b.String()
}

// helpText is the help of a command with options.
func helpText(introduction string, options optionSet, conclusion string) string {
	var b strings.Builder
	b.WriteString(introduction)
	for _, g := range options {
		fmt.Fprintf(&b, "\n%s:\n", g.title)
		for _, o := range g.options {
			b.WriteString(optionHelp(o))
		}
	}
	b.WriteString(conclusion)
	return b.String()
}

// optionHelp is what the help says about one option.
func optionHelp(o option) string {
	head := "  --" + o.name
	switch {
	case o.envOnly:
		head = "  " + o.env
	case o.alias != "":
		head = "  -" + o.alias + ", --" + o.name
	}
	if o.arg != "" {
		head += " " + o.arg
	}
	lines := wrap(o.help+defaultHelp(o), helpWidth-helpIndent)
	if len(head) > helpIndent-2 {
		head += "\n" + strings.Repeat(" ", helpIndent)
	} else {
		head = fmt.Sprintf("%-*s", helpIndent, head)
	}
	return head + strings.Join(lines, "\n"+strings.Repeat(" ", helpIndent)) + "\n"
}

// defaultHelp is the default of an option, which is not set yet, and its environment variable.
func defaultHelp(o option) string {
	var notes []string
	if s := o.value.String(); s != "" && s != "0" && s != "0s" && (!o.isSwitch() || s != "false") {
		notes = append(notes, "default: "+strings.Replace(s, "true", "on", 1))
	}
	if o.env != "" && !o.envOnly {
		notes = append(notes, "environment: "+o.env)
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

// wrap breaks a text into lines of at most width bytes, at blanks.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
