package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
)

// printVersion prints what the Go command has recorded about this build, as jetcapture version does.
func printVersion(to io.Writer) {
	version, facts := "(unknown)", map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		version = strings.TrimPrefix(info.Main.Version, "v")
		for _, s := range info.Settings {
			facts[s.Key] = s.Value
		}
	}
	fmt.Fprintf(to, "jetcapture-iceberg %s%s, %s, %s/%s\n", version, commit(facts), runtime.Version(), runtime.GOOS,
		runtime.GOARCH)
}

// commit is what is known about the source, empty if nothing is.
func commit(facts map[string]string) string {
	text := facts["vcs.revision"]
	if text == "" {
		return ""
	}
	text = text[:min(12, len(text))]
	if date, _, ok := strings.Cut(facts["vcs.time"], "T"); ok {
		text += " of " + date
	}
	if facts["vcs.modified"] == "true" {
		text += ", modified"
	}
	return " (commit " + text + ")"
}
