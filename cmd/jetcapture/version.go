package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is that of the next release.
const version = "0.2.0-dev"

func versionCommand(c console) *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "print the version",
		Long:              "jetcapture version prints the version, the commit that it was built from, and the Go version.\n",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		Run:               func(*cobra.Command, []string) { printVersion(c) },
	}
}

func printVersion(c console) {
	say(c.stdout, "jetcapture %s%s, %s, %s/%s\n", version, commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// commit is what the Go command has recorded about the source, empty if it did not know it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	facts := map[string]string{}
	for _, s := range info.Settings {
		facts[s.Key] = s.Value
	}
	if facts["vcs.revision"] == "" {
		return ""
	}
	text := " (commit " + facts["vcs.revision"][:min(12, len(facts["vcs.revision"]))]
	if facts["vcs.modified"] == "true" {
		text += ", modified"
	}
	return text + ")"
}
