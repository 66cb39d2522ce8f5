// Package buildinfo says which build a program is, by what the Go command has recorded in it.
package buildinfo

import (
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
)

// nextVersion is that of the next release, for builds of other commits.
const nextVersion = "0.2.0-dev"

// Info is what is known about a build.
type Info struct {
	Version  string
	Commit   string // of the source; empty if the Go command did not know it
	Modified bool   // the source differed from the commit
	Time     string // of the commit
}

// Read returns what is known about this program.
func Read() Info {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Info{Version: nextVersion}
	}
	facts := map[string]string{}
	for _, s := range info.Settings {
		facts[s.Key] = s.Value
	}
	return Info{
		Version: versionOf(info.Main.Version), Commit: facts["vcs.revision"], Modified: facts["vcs.modified"] == "true",
		Time: facts["vcs.time"],
	}
}

// String is a line for people, without the name of the program.
func (i Info) String() string {
	commit := i.Revision()
	if date, _, ok := strings.Cut(i.Time, "T"); ok && commit != "" {
		commit += " of " + date
	}
	if i.Modified && commit != "" {
		commit += ", modified"
	}
	if commit != "" {
		commit = " (commit " + commit + ")"
	}
	return fmt.Sprintf("%s%s, %s, %s", i.Version, commit, runtime.Version(), Platform())
}

// Revision is the beginning of the commit, empty if that is not known.
func (i Info) Revision() string { return i.Commit[:min(12, len(i.Commit))] }

// Platform is what this program was built for.
func Platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// versionOf is the version of a build of a tagged commit, by that of its main module. Others, whose module has no
// version, or one made from the time of the commit, or a modified source, belong to the next release.
func versionOf(module string) string {
	if regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`).MatchString(module) {
		return module[1:]
	}
	return nextVersion
}
