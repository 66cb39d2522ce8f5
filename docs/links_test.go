// Package docs_test checks that the links of all documents lead somewhere.
package docs_test

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// root is the directory of the repository. Documents are named relative to it, with slashes.
const root = ".."

// TestLinks: each link leads to a file, and to a heading in it if it names one. Of other addresses only the form is
// checked.
func TestLinks(t *testing.T) {
	for _, name := range documents(t) {
		for _, link := range read(t, name).links {
			if problem := check(t, name, link); problem != "" {
				t.Errorf("%s links to %s: %s", name, link, problem)
			}
		}
	}
}

// TestReachable: whoever starts at the README finds every document.
func TestReachable(t *testing.T) {
	reached := map[string]bool{"README.md": true}
	for next := []string{"README.md"}; len(next) > 0; next = next[1:] {
		for _, link := range read(t, next[0]).links {
			file, _ := target(next[0], link)
			if !strings.Contains(link, "://") && strings.HasSuffix(file, ".md") && !reached[file] {
				reached[file] = true
				next = append(next, file)
			}
		}
	}
	for _, name := range documents(t) {
		if !reached[name] {
			t.Errorf("no document that the README leads to links to %s", name)
		}
	}
}

// TestMentionsInCode: comments, errors and help name only documents that are there.
func TestMentionsInCode(t *testing.T) {
	mention := regexp.MustCompile(`\bdocs/\w+\.md\b`)
	for _, name := range files(t, ".go", ".yml", "Makefile") {
		for _, doc := range mention.FindAllString(content(t, name), -1) {
			if _, err := os.Stat(filepath.Join(root, doc)); err != nil {
				t.Errorf("%s names %s: %v", name, doc, err)
			}
		}
	}
}

// TestNamedInDocuments: the Go files and the tests that documents name are there.
func TestNamedInDocuments(t *testing.T) {
	var code strings.Builder
	sources := files(t, ".go")
	for _, name := range sources {
		code.WriteString(content(t, name))
	}
	all := "\n" + strings.Join(sources, "\n") + "\n"
	file, test := regexp.MustCompile("`([\\w/]+\\.go)`"), regexp.MustCompile("`(Test\\w+)")
	for _, name := range documents(t) {
		doc := content(t, name)
		for _, m := range file.FindAllStringSubmatch(doc, -1) {
			if !strings.Contains(all, "\n"+m[1]+"\n") && !strings.Contains(all, "/"+m[1]+"\n") {
				t.Errorf("%s names %s, which is not there", name, m[1])
			}
		}
		for _, m := range test.FindAllStringSubmatch(doc, -1) {
			if !strings.Contains(code.String(), "func "+m[1]+"(") {
				t.Errorf("%s names %s, which is not there", name, m[1])
			}
		}
	}
}

// TestAnchors holds the anchors to those that GitHub makes.
func TestAnchors(t *testing.T) {
	doc := parse("# The `run` command\n## A, b & c: _d_\n```\n# no heading\n```\n" +
		"## Über [this](x.md)\n### A, b & c: _d_\n")
	for _, want := range []string{"the-run-command", "a-b--c-d", "über-this", "a-b--c-d-1"} {
		if !doc.anchors[want] {
			t.Errorf("no anchor %q in %v", want, doc.anchors)
		}
	}
	if len(doc.anchors) != 4 {
		t.Errorf("%d anchors, want 4: %v", len(doc.anchors), doc.anchors)
	}
}

// documents returns the names of all Markdown files.
func documents(t *testing.T) []string {
	t.Helper()
	names := files(t, ".md")
	if len(names) < 10 {
		t.Fatalf("only %d documents: %q", len(names), names)
	}
	return names
}

// files returns the names of all files of the repository that end in one of the suffixes.
func files(t *testing.T, suffixes ...string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if name := e.Name(); p != root && (name[0] == '.' || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		for _, suffix := range suffixes {
			if strings.HasSuffix(p, suffix) {
				rel, _ := filepath.Rel(root, p)
				names = append(names, filepath.ToSlash(rel))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// check says what is wrong with a link of a document, or nothing.
func check(t *testing.T, from, link string) string {
	t.Helper()
	if u, err := url.Parse(link); err != nil {
		return err.Error()
	} else if u.Scheme != "" || u.Host != "" {
		if u.Scheme != "https" || !strings.Contains(u.Host, ".") {
			return "not an https address"
		}
		return ""
	}
	file, anchor := target(from, link)
	if strings.HasPrefix(file, "../") {
		return "outside of the repository"
	}
	if _, err := os.Stat(filepath.Join(root, file)); err != nil {
		return err.Error()
	}
	if anchor != "" && !read(t, file).anchors[anchor] {
		return "there is no such heading"
	}
	return ""
}

// target returns the file that a relative link of a document leads to, and the anchor in it.
func target(from, link string) (file, anchor string) {
	name, anchor, _ := strings.Cut(link, "#")
	if name == "" {
		return from, anchor
	}
	return path.Join(path.Dir(from), name), anchor
}

// document is what this test needs of a Markdown file.
type document struct {
	links   []string
	anchors map[string]bool
}

func read(t *testing.T, name string) document {
	t.Helper()
	return parse(content(t, name))
}

func content(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	fence      = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	code       = regexp.MustCompile("`[^`\n]*`")
	inline     = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)`)
	definition = regexp.MustCompile(`(?m)^\[([^\]]+)\]: *(\S+)$`)
	reference  = regexp.MustCompile(`\]\[([^\]]+)\]`)
	heading    = regexp.MustCompile(`(?m)^#{1,6} +(.*?) *#*$`)
	linkText   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	dropped    = regexp.MustCompile(`[^\p{L}\p{N}\p{M}_ -]`)
	emphasis   = regexp.MustCompile(`(^|\W)[*_]+(\w+)[*_]+(\W|$)`)
)

// parse finds links and headings outside of code. A reference without a definition counts as a link to a file of that
// name, which TestLinks does not find.
func parse(text string) document {
	text = fence.ReplaceAllString(text, "")
	doc := document{anchors: map[string]bool{}}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		doc.anchors[unique(doc.anchors, anchor(m[1]))] = true
	}
	text = code.ReplaceAllString(text, "")
	defined := map[string]bool{}
	for _, m := range definition.FindAllStringSubmatch(text, -1) {
		defined[m[1]] = true
		doc.links = append(doc.links, m[2])
	}
	for _, m := range inline.FindAllStringSubmatch(text, -1) {
		doc.links = append(doc.links, m[1])
	}
	for _, m := range reference.FindAllStringSubmatch(text, -1) {
		if !defined[m[1]] {
			doc.links = append(doc.links, m[1])
		}
	}
	return doc
}

// anchor is what GitHub makes of a heading: lower case, without punctuation and markup, with hyphens for blanks.
func anchor(title string) string {
	title = linkText.ReplaceAllString(title, "$1")
	title = emphasis.ReplaceAllString(title, "$1$2$3")
	return strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
}

// unique appends what GitHub appends to an anchor that a heading before has.
func unique(taken map[string]bool, name string) string {
	for n, base := 1, name; taken[name]; n++ {
		name = base + "-" + strconv.Itoa(n)
	}
	return name
}
