package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// build builds the command for a platform and returns the path of the binary: OUT/OS_ARCH/jetcapture. Nothing in it
// depends on the machine that builds it.
func (r *release) build(ctx context.Context, p platform) (binary string, err error) {
	name := "jetcapture"
	if p.os == "windows" {
		name += ".exe"
	}
	binary = filepath.Join(r.out, p.os+"_"+p.arch, name)
	if err := r.goBuild(ctx, p, binary); err != nil {
		return "", err
	}
	own, _, err := modulesOf(binary)
	if err == nil && own.Version != "v"+r.version {
		err = fmt.Errorf("the binary says version %s instead of v%s: the major version must fit %s",
			own.Version, r.version, own.Path)
	}
	return binary, err
}

// goBuild runs go build. The level of the processor is the lowest that Go has.
func (r *release) goBuild(ctx context.Context, p platform, binary string) error {
	cmd := command(ctx, r.source, "go", "build", "-trimpath", "-buildvcs=true", "-tags="+r.tags, "-ldflags=-s -w",
		"-o", binary, "./cmd/jetcapture")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off",
		"GOOS="+p.os, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0")
	_, err := output(cmd)
	return err
}

// text is a file that goes into the archives and packages.
type text struct {
	name string // with slashes
	body []byte
}

// texts makes the man pages and the completions, which a binary for this machine prints, and reads the licence and the
// documents. They are also left in OUT/share, for packages.
func (r *release) texts(ctx context.Context) (all []text, err error) {
	folder, err := os.MkdirTemp("", "jetcapture-texts-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	self := filepath.Join(folder, "jetcapture")
	if err := r.goBuild(ctx, host(), self); err != nil {
		return nil, err
	}
	share := filepath.Join(r.out, "share")
	for _, name := range []string{"man", "completions"} {
		if err := os.MkdirAll(filepath.Join(share, name), 0o755); err != nil {
			return nil, err
		}
	}
	if _, err := output(command(ctx, "", self, "man", filepath.Join(share, "man"))); err != nil {
		return nil, err
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		script, err := output(command(ctx, "", self, "completion", shell))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(share, "completions", "jetcapture."+shell), []byte(script), 0o644); err != nil {
			return nil, err
		}
	}
	if err := r.copyDocuments(share); err != nil {
		return nil, err
	}
	licences, err := licencesOf(ctx, r.source, self)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(share, "THIRD-PARTY-LICENSES.txt"), licences, 0o644); err != nil {
		return nil, err
	}
	return readTexts(share)
}

// copyDocuments copies what a user of a binary reads first.
func (r *release) copyDocuments(to string) error {
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		body, err := os.ReadFile(filepath.Join(r.source, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), body, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// readTexts reads the files of a folder, sorted by name.
func readTexts(folder string) (all []text, err error) {
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		name, relErr := filepath.Rel(folder, path)
		all = append(all, text{filepath.ToSlash(name), body})
		return errors.Join(err, relErr)
	})
	return all, err
}

// command is a command that runs in a folder.
func command(ctx context.Context, folder, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	return cmd
}

// output runs a command and returns what it prints. An error says what it complained about.
func output(cmd *exec.Cmd) (string, error) {
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, complaints.String())
	}
	return string(out), nil
}
