package main

import (
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// version is that of the next release.
const version = "0.2.0-dev"

func versionCommand(c console) *cli.Command {
	return &cli.Command{
		Name:               "version",
		Usage:              "print the version",
		CustomHelpTemplate: "jetcapture version prints the version, the commit that it was built from, and the Go version.\n",
		Action:             func(ctx *cli.Context) error { return printVersion(ctx, c) },
	}
}

func printVersion(ctx *cli.Context, c console) error {
	if err := noArguments(ctx); err != nil {
		return err
	}
	say(c.stdout, "jetcapture %s%s, %s, %s/%s\n", version, commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// commit is what the Go command has noted of the source, if it knew it.
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
