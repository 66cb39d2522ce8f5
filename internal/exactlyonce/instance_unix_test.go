//go:build unix

package exactlyonce

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestLockFollowsNoLink: what somebody else put where the lock file belongs is passed over, and where a link leads
// nothing is made.
func TestLockFollowsNoLink(t *testing.T) {
	for name, plant := range map[string]func(path, target string) error{
		"a link to nothing": func(path, target string) error { return os.Symlink(target, path) },
		"a link to a file": func(path, target string) error {
			if err := os.WriteFile(target, nil, 0o600); err != nil {
				return err
			}
			return os.Symlink(target, path)
		},
		"a hard link": func(path, target string) error {
			if err := os.WriteFile(target, nil, 0o600); err != nil {
				return err
			}
			return os.Link(target, path)
		},
		"a directory": func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"a pipe":      func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			folder, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
			t.Setenv("TMPDIR", folder)
			first, err := claimInstance("")
			if err != nil {
				t.Fatal(err)
			}
			if err := first.release(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(folder, "jetcapture-"+first.name+".lock")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := plant(path, target); err != nil {
				t.Fatal(err)
			}
			next, err := claimInstance("")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = next.release() }()
			if !strings.HasSuffix(first.name, "-0") || !strings.HasSuffix(next.name, "-1") {
				t.Errorf("got %s after %s", next.name, first.name)
			}
			if _, err := os.Stat(target); name == "a link to nothing" && err == nil {
				t.Error("it made the file that the link names")
			}
		})
	}
}
