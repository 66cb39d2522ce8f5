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
	text := revision()
	if text == "" {
		return ""
	}
	if sourceFacts()["vcs.modified"] == "true" {
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
