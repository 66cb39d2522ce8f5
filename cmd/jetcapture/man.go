package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

const manHelp = `jetcapture man writes the man pages of jetcapture and of its commands into a folder. They say what
--help says. It is for those who make packages.

Usage:
  jetcapture man FOLDER

Examples:
  mkdir -p man1
  jetcapture man man1
  man -l man1/jetcapture-run.1
`

// manCommand is hidden: few users make packages. It does not use package cobra/doc, which knows neither our groups of
// options nor our examples, and would bring a renderer of Markdown into the binary.
func manCommand(console) *cobra.Command {
	return &cobra.Command{
		Use:    "man",
		Short:  "write the man pages",
		Long:   manHelp,
		Hidden: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("one folder is expected; see %s --help", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return writeManPages(cmd.Root(), args[0]) },
	}
}

// withCommands are a command and all those below it that a help lists.
func withCommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, below := range shown(cmd) {
		all = append(all, withCommands(below)...)
	}
	return all
}

// writeManPages writes a page for the program and one for each of its commands.
func writeManPages(root *cobra.Command, folder string) error {
	for _, cmd := range withCommands(root) {
		page := manPage(cmd)
		if err := os.WriteFile(filepath.Join(folder, manName(cmd)+".1"), []byte(page), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// manName is the name of a command's page: jetcapture-run.
func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage makes a page of the help, for the macros of man(7).
func manPage(cmd *cobra.Command) string {
	p := &manWriter{}
	p.line(".TH %s 1 \"\" \"jetcapture %s\" \"jetcapture\"", strings.ToUpper(roff(manName(cmd))), roff(version))
	p.line(".nh\n.ad l") // words may be copied
	p.line(".SH NAME")
	p.line("%s \\- %s", roff(manName(cmd)), roff(cmd.Short))
	introduction, rest, _ := strings.Cut(cmd.Long, "\nUsage:\n")
	usage, rest, _ := strings.Cut(rest, "\n\n")
	p.line(".SH SYNOPSIS")
	p.preformatted(strings.Split(strings.TrimSpace(usage), "\n"))
	p.line(".SH DESCRIPTION")
	p.text(introduction)
	p.text(rest)
	p.line(".SH SEE ALSO")
	also := shown(cmd)
	if cmd.HasParent() {
		also = append([]*cobra.Command{cmd.Parent()}, also...)
	}
	for i, other := range also {
		comma := ","
		if i == len(also)-1 {
			comma = ""
		}
		p.line(".BR %s (1)%s", roff(manName(other)), comma)
	}
	return p.String()
}

// manWriter turns help into roff.
type manWriter struct {
	strings.Builder
	options bool // the section of options has begun
	titled  bool // the last block had a title
}

func (p *manWriter) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// text writes help block by block. Blocks are separated by empty lines.
func (p *manWriter) text(help string) {
	for block := range strings.SplitSeq(strings.Trim(help, "\n"), "\n\n") {
		lines := strings.Split(block, "\n")
		if title, isTitle := titleOf(lines); isTitle {
			p.section(title, lines[1:])
			p.titled = true
			continue
		}
		if p.titled && !strings.HasPrefix(lines[0], " ") {
			p.titled = false
			p.line(".SH %s", p.untitled())
		}
		p.paragraph(lines)
	}
}

// untitled is the title of what follows a section without one of its own.
func (p *manWriter) untitled() string {
	if p.options {
		return "NOTES"
	}
	return "DETAILS"
}

// titleOf returns the title of a block: a short line with a colon at its end above an indented one.
func titleOf(block []string) (title string, ok bool) {
	const longest = 40
	title, ok = strings.CutSuffix(block[0], ":")
	ok = ok && len(block) > 1 && len(title) <= longest
	return title, ok && !strings.HasPrefix(title, " ") && strings.HasPrefix(block[1], "  ")
}

// optionLine is the first line of an option in help, with what explains it.
var optionLine = regexp.MustCompile(`^  (-\S.*?|(?:NATS|JETCAPTURE)_[A-Z_]+)(?:  +(\S.*))?$`)

// section writes a title and what is below it, options or a text as it is.
func (p *manWriter) section(title string, lines []string) {
	if !optionLine.MatchString(lines[0]) {
		p.line(".SH %s", strings.ToUpper(roff(title)))
		p.preformatted(lines)
		return
	}
	if !p.options {
		p.options = true
		p.line(".SH OPTIONS")
	}
	p.line(".SS %s", roff(title))
	for _, l := range lines {
		if m := optionLine.FindStringSubmatch(l); m != nil {
			p.line(".TP\n\\fB%s\\fP", roff(m[1]))
			l = m[2]
		}
		if l = strings.TrimSpace(l); l != "" {
			p.line("%s", roff(l))
		}
	}
}

// paragraph writes lines that are filled, and indented ones as they are.
func (p *manWriter) paragraph(lines []string) {
	for i := 0; i < len(lines); {
		end := i + 1
		indented := strings.HasPrefix(lines[i], " ")
		for end < len(lines) && strings.HasPrefix(lines[end], " ") == indented {
			end++
		}
		if indented {
			p.preformatted(lines[i:end])
		} else {
			p.line(".PP")
			for _, l := range lines[i:end] {
				p.line("%s", breakable(roff(l)))
			}
		}
		i = end
	}
}

// breakable lets long paths break behind a slash.
func breakable(text string) string {
	const long = 40
	words := strings.Split(text, " ")
	for i, w := range words {
		if len(w) > long {
			words[i] = strings.ReplaceAll(w, "/", `/\:`)
		}
	}
	return strings.Join(words, " ")
}

// preformatted writes lines as they are.
func (p *manWriter) preformatted(lines []string) {
	p.line(".PP\n.nf")
	for _, l := range lines {
		p.line("%s", roff(strings.TrimPrefix(l, "  ")))
	}
	p.line(".fi")
}

// roff escapes a text: hyphens, which may be copied to a shell, and what begins a macro or an escape.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}
