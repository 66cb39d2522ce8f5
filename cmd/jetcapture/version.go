package main

import (
	"encoding/json"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/spf13/cobra"
)

// nextVersion is that of the next release, for builds of other commits.
const nextVersion = "0.2.0-dev"

// version is that of this build.
var version = versionOf(mainModule())

const versionHelp = `jetcapture version prints the version, the commit that it was built from with its date, the version
of Go, and the versions of the formats that it writes.

Usage:
  jetcapture version [OPTIONS]
`

func versionCommand(c console) *cobra.Command {
	asJSON := false
	options := optionSet{{"Options", []option{
		{name: "json", help: "print one JSON object", value: boolean(&asJSON)},
	}}}
	cmd := &cobra.Command{
		Use:               "version",
		Short:             "print the version",
		Long:              helpText(versionHelp, options, ""),
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := newChoices(options)
			if problems := given.take(options.all(), cmd.Flags(), c.getenv); len(problems) > 0 {
				return &usageError{problems}
			}
			if asJSON {
				return json.NewEncoder(printableJSON{c.stdout}).Encode(thisBuild())
			}
			printVersion(c)
			return nil
		},
	}
	addFlags(cmd, options.all(), c)
	return cmd
}

// build is what is known about a build of the command.
type build struct {
	Version  string  `json:"version"`
	Commit   string  `json:"commit,omitempty"`   // empty if the Go command did not know it
	Modified bool    `json:"modified,omitempty"` // the source differed from the commit
	Date     string  `json:"date,omitempty"`     // of the commit
	Go       string  `json:"go"`
	Platform string  `json:"platform"`
	Formats  formats `json:"formats"`
}

// formats are the versions of what the command writes. It reads all earlier ones.
type formats struct {
	Archive int    `json:"archive"` // the layout of an archive, docs/FORMAT.md
	Rows    string `json:"rows"`    // how messages become rows
	Raw     string `json:"raw"`     // the beginning of raw files
}

func thisBuild() build {
	facts := sourceFacts()
	return build{
		Version: version, Commit: facts["vcs.revision"], Modified: facts["vcs.modified"] == "true", Date: facts["vcs.time"],
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Formats: formats{cutlog.Version, cutlog.CommandVersion, jetcapture.RawMagic},
	}
}

func printVersion(c console) {
	b := thisBuild()
	say(c.stdout, "jetcapture %s%s, %s, %s\n", b.Version, commit(), b.Go, b.Platform)
	say(c.stdout, "formats: archive %d, rows %s, raw %s\n", b.Formats.Archive, b.Formats.Rows, b.Formats.Raw)
}

// commit is what the Go command has recorded about the source, empty if it did not know it.
func commit() string {
	text := revision()
	if text == "" {
		return ""
	}
	facts := sourceFacts()
	if date, _, ok := strings.Cut(facts["vcs.time"], "T"); ok {
		text += " of " + date
	}
	if facts["vcs.modified"] == "true" {
		text += ", modified"
	}
	return " (commit " + text + ")"
}

// revision is the commit of the source, empty if it is not known.
func revision() string {
	r := sourceFacts()["vcs.revision"]
	return r[:min(12, len(r))]
}

// sourceFacts are what the Go command has recorded about the source.
func sourceFacts() map[string]string {
	facts := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			facts[s.Key] = s.Value
		}
	}
	return facts
}

// mainModule is the version of the main module that the Go command has recorded, from the tag of a commit.
func mainModule() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// versionOf is the version of a build of a tagged commit. Others, whose module has no version, or one made from the
// time of the commit, or a modified source, belong to the next release.
func versionOf(module string) string {
	if regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`).MatchString(module) {
		return module[1:]
	}
	return nextVersion
}
