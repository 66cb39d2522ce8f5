package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// selfCommand returns what a user types to start this program again, as the words before its arguments.
func selfCommand() string {
	path, err := os.Executable()
	if err != nil {
		return "jetcapture"
	}
	main, version := "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		main, version = info.Path, info.Main.Version
	}
	inPath, _ := exec.LookPath("jetcapture")
	return selfFrom(path, os.Args[0], inPath, main, version)
}

// selfFrom is selfCommand for the program in file path, started by the word arg. inPath is what the shell would start
// for "jetcapture", and main and version are what was built.
func selfFrom(path, arg, inPath, main, version string) string {
	switch {
	case strings.Contains(filepath.ToSlash(path), "/go-build"): // go run, which removes its binary in the end
		const run = "go run -tags disable_grpc_modules,grpcnotrace "
		if version == "" || version == "(devel)" || strings.Contains(version, "+dirty") {
			return run + "./cmd/jetcapture"
		}
		if _, err := os.Stat("cmd/jetcapture"); err == nil {
			return run + "./cmd/jetcapture"
		}
		return run + main + "@" + version
	case inPath == path:
		return "jetcapture"
	}
	return shellText(arg)
}
