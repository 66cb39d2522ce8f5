package bucket_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"testing"
)

// Tests of several processes, of limits and of mounts run this test binary again, as a child that does one thing to one
// root.
const (
	childEnv = "BUCKET_TEST_CHILD" // what to do; empty: be the test
	rootEnv  = "BUCKET_TEST_ROOT"
	idEnv    = "BUCKET_TEST_ID"
)

// exitNoMounts is the exit code of a child that may not mount.
const exitNoMounts = 77

func TestMain(m *testing.M) {
	do := os.Getenv(childEnv)
	if do == "" {
		os.Exit(m.Run())
	}
	child, ok := children()[do]
	if !ok {
		child = func(string) error { return fmt.Errorf("no child %q", do) }
	}
	if err := child(os.Getenv(rootEnv)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// children returns what a child can do to a root.
func children() map[string]func(root string) error {
	all := map[string]func(string) error{"race": raceChild, "crash": crashChild}
	maps.Copy(all, systemChildren())
	return all
}

// childCommand returns a command that is not started yet, and what it will print.
func childCommand(t *testing.T, do, root, id string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+do, rootEnv+"="+root, idEnv+"="+id)
	cmd.Stdout, cmd.Stderr = &output, &output
	return cmd, &output
}

// runChild runs a child and fails the test with what it printed, if it fails.
func runChild(t *testing.T, do, root string) {
	t.Helper()
	cmd, output := childCommand(t, do, root, "")
	if err := cmd.Run(); err != nil {
		t.Fatalf("child %s: %v\n%s", do, err, output)
	}
}
