package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// manPages writes the pages and returns them by name.
func manPages(t *testing.T) map[string]string {
	t.Helper()
	folder := t.TempDir()
	if r := (environment{}).run(t, "man", folder); r.code != exitDone || r.stderr+r.stdout != "" {
		t.Fatalf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	pages := map[string]string{}
	for _, name := range filesBelow(t, folder, "") {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		pages[name] = string(b)
	}
	return pages
}

func TestManPages(t *testing.T) {
	pages := manPages(t)
	want := []string{
		"jetcapture-cat.1",
		"jetcapture-completion.1",
		"jetcapture-config.1",
		"jetcapture-convert.1",
		"jetcapture-demo.1",
		"jetcapture-diff.1",
		"jetcapture-doctor.1",
		"jetcapture-fleet-apply.1",
		"jetcapture-fleet-drain.1",
		"jetcapture-fleet-init.1",
		"jetcapture-fleet-ls.1",
		"jetcapture-fleet-rm.1",
		"jetcapture-fleet.1",
		"jetcapture-get.1",
		"jetcapture-grep.1",
		"jetcapture-help.1",
		"jetcapture-init.1",
		"jetcapture-kv.1",
		"jetcapture-ls.1",
		"jetcapture-manifest.1",
		"jetcapture-repair.1",
		"jetcapture-replay.1",
		"jetcapture-restore.1",
		"jetcapture-run.1",
		"jetcapture-status.1",
		"jetcapture-top.1",
		"jetcapture-validate.1",
		"jetcapture-verify.1",
		"jetcapture-version.1",
		"jetcapture-worker.1",
		"jetcapture.1",
	}
	for _, name := range want {
		for _, section := range []string{".TH ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH SEE ALSO\n"} {
			if strings.Count(pages[name], section) != 1 {
				t.Errorf("%s has the section %q %d times, want once", name, section, strings.Count(pages[name], section))
			}
		}
	}
	if len(pages) != len(want) {
		t.Errorf("%d pages, want %d", len(pages), len(want))
	}
}

func TestManPageHasTheOptions(t *testing.T) {
	page := manPages(t)["jetcapture-run.1"]
	for _, o := range runOptions().all() {
		head := `\fB.*` + regexp.QuoteMeta(roff("--"+o.name))
		if o.envOnly {
			head = `\fB` + regexp.QuoteMeta(o.env)
		}
		if !regexp.MustCompile(`(?m)^\.TP\n` + strings.ReplaceAll(head, `\fB`, `\\fB`) + `\b`).MatchString(page) {
			t.Errorf("the page does not have the option %s", o.name)
		}
	}
}

// TestManPagesUseFewMacros: a line of the help that begins like a macro would be lost.
func TestManPagesUseFewMacros(t *testing.T) {
	macros := []string{".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi", ".nh", ".ad", ".BR"}
	for name, page := range manPages(t) {
		for line := range strings.Lines(page) {
			macro, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !slices.Contains(macros, macro) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"--max-age": `\-\-max\-age`, ".hidden": `\&.hidden`, `a\b`: `a\eb`, "'x' ~ `y`": `\(aqx\(aq \(ti \(gay\(ga`,
		"plain": "plain",
	} {
		if got := roff(text); got != want {
			t.Errorf("roff(%q) = %q, want %q", text, got, want)
		}
	}
}
