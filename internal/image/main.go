// Command image makes a container image of what make release has left in a folder, without a daemon. See make image.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// release is what the image is made of. Its bytes depend on these, and on the version of Go.
type release struct {
	version  string    // without v
	revision string    // the commit
	time     time.Time // of the commit
	dist     string    // the folder of make release
	built    []string  // the processors that it has binaries for
}

// binary is the path of the command for a processor.
func (r *release) binary(arch string) string {
	return filepath.Join(r.dist, "linux_"+arch, "jetcapture")
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// run reads the flags, makes the image, and says on out how large it is.
func run(args []string, out io.Writer) error {
	var r release
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&r.version, "version", "", "version of the release, such as 0.2.0")
	flags.StringVar(&r.revision, "revision", "", "commit of the release")
	seconds := flags.Int64("time", 0, "time of the commit, in seconds since 1970")
	flags.StringVar(&r.dist, "dist", "dist", "folder of what make release has built, and of the image")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if r.version == "" || r.revision == "" || *seconds == 0 {
		return errors.New("-version, -revision and -time are needed")
	}
	r.time = time.Unix(*seconds, 0).UTC()
	for _, arch := range []string{"amd64", "arm64"} {
		if _, err := os.Stat(r.binary(arch)); err == nil {
			r.built = append(r.built, arch)
		}
	}
	if len(r.built) == 0 {
		return fmt.Errorf("%s has no binary for Linux: run make release first", r.dist)
	}
	file := filepath.Join(r.dist, fmt.Sprintf("jetcapture_%s_image.tar", r.version))
	if err := r.write(file); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %.1f MiB, Linux on %s\n", file, float64(info.Size())/(1<<20),
		strings.Join(r.built, " and "))
	return err
}
