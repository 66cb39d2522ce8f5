// Command release builds what a release consists of, from one commit. See make release.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// release is one commit under one version. All that it writes depends on these, and on the version of Go.
type release struct {
	version string // without v
	tags    string // build tags
	source  string // a clean checkout of the commit, tagged with the version
	out     string // folder of the results, absolute
	time    time.Time
}

// platform is what a binary runs on.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

// platforms are those of a release.
func platforms() []platform {
	return []platform{
		{"linux", "amd64"},
		{"linux", "arm64"},
		{"darwin", "amd64"},
		{"darwin", "arm64"},
		{"windows", "amd64"},
		{"windows", "arm64"},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run reads the flags and makes the release.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	version := flags.String("version", "", "version of the release, such as 0.2.0")
	out := flags.String("out", "dist", "folder of the results; it must be empty or missing")
	tags := flags.String("tags", "", "build tags")
	only := flags.String("only", "", "these platforms only, such as linux/amd64,linux/arm64")
	repository := flags.String("repository", ".", "the repository, whose HEAD is released")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`).MatchString(*version) {
		return fmt.Errorf("-version %q: it must be like 0.2.0 or 0.2.0-rc.1", *version)
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	r, remove, err := prepare(ctx, *repository, *version, *out)
	if err != nil {
		return err
	}
	r.tags = *tags
	return errors.Join(r.make(ctx, chosen), remove())
}

// choose returns the platforms that a list names, all if it is empty.
func choose(list string) (chosen []platform, err error) {
	if list == "" {
		return platforms(), nil
	}
	for name := range strings.SplitSeq(list, ",") {
		n := len(chosen)
		for _, p := range platforms() {
			if p.String() == name {
				chosen = append(chosen, p)
			}
		}
		if len(chosen) == n {
			return nil, fmt.Errorf("-only %q: must be one of %v", name, platforms())
		}
	}
	return chosen, nil
}

// prepare makes the folder of results, and a clean checkout of HEAD that has no tag but that of the release: Go takes
// the version of the binary from there. remove deletes the checkout.
func prepare(ctx context.Context, repository, version, out string) (r *release, remove func() error, err error) {
	if out, err = filepath.Abs(out); err != nil {
		return nil, nil, err
	}
	if old, err := os.ReadDir(out); err == nil && len(old) > 0 {
		return nil, nil, fmt.Errorf("%s is not empty; remove it, or choose another with -out", out)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, nil, err
	}
	work, err := os.MkdirTemp("", "jetcapture-release-")
	if err != nil {
		return nil, nil, err
	}
	remove = func() error { return os.RemoveAll(work) }
	r = &release{version: version, source: filepath.Join(work, "source"), out: out}
	if err := r.checkOut(ctx, repository); err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return r, remove, nil
}

// checkOut fills r.source, and reads the time of the commit.
func (r *release) checkOut(ctx context.Context, repository string) error {
	for _, args := range [][]string{
		{"clone", "--quiet", "--no-tags", repository, r.source},
		{"-C", r.source, "tag", "v" + r.version},
	} {
		if _, err := output(command(ctx, "", "git", args...)); err != nil {
			return err
		}
	}
	text, err := output(command(ctx, r.source, "git", "show", "--no-patch", "--format=%cI"))
	if err != nil {
		return err
	}
	if r.time, err = time.Parse(time.RFC3339, strings.TrimSpace(text)); err != nil {
		return fmt.Errorf("time of the commit: %w", err)
	}
	r.time = r.time.UTC()
	return nil
}

// make builds everything. The last file that it writes is the one of the checksums.
func (r *release) make(ctx context.Context, chosen []platform) error {
	texts, err := r.texts(ctx)
	if err != nil {
		return err
	}
	for _, p := range chosen {
		binary, err := r.build(ctx, p)
		if err != nil {
			return err
		}
		if err := r.describe(binary, p); err != nil {
			return err
		}
		if err := r.archive(binary, p, texts); err != nil {
			return err
		}
	}
	return writeSums(r.out)
}
