package main

import (
	"encoding/json"
	"runtime"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/buildinfo"
	"github.com/spf13/cobra"
)

// thisProgram is what is known about this build, and version is its version.
var (
	thisProgram = buildinfo.Read()
	version     = thisProgram.Version
)

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
	return build{
		Version: version, Commit: thisProgram.Commit, Modified: thisProgram.Modified, Date: thisProgram.Time,
		Go: runtime.Version(), Platform: buildinfo.Platform(),
		Formats: formats{cutlog.Version, cutlog.CommandVersion, jetcapture.RawMagic},
	}
}

func printVersion(c console) {
	f := thisBuild().Formats
	say(c.stdout, "jetcapture %s\n", thisProgram)
	say(c.stdout, "formats: archive %d, rows %s, raw %s\n", f.Archive, f.Rows, f.Raw)
}
