package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
)

const (
	raceProcesses = 4
	raceObjects   = 60
)

// raceChild puts its own content under each of the names that the other processes want, too, and prints which names it
// won.
func raceChild(root string) error {
	d, err := bucket.OpenDir(root)
	if err != nil {
		return err
	}
	for i := range raceObjects {
		name, content := raceObject(i, os.Getenv(idEnv))
		err := putString(context.Background(), d, name, content)
		if err != nil && !errors.Is(err, bucket.ErrExists) {
			return err
		}
		if err == nil {
			fmt.Println("won", name)
		}
	}
	return d.Close()
}

func raceObject(i int, id string) (name, content string) {
	return fmt.Sprintf("race/%d/object", i), strings.Repeat(id+"\n", 5000)
}

func TestDirRaceOfProcesses(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	winners := make(map[string][]string)
	outputs := make(map[string]*bytes.Buffer)
	var waits []func() error
	for p := range raceProcesses {
		id := fmt.Sprintf("process %d", p)
		cmd, output := childCommand(t, "race", root, id)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		outputs[id] = output
		waits = append(waits, cmd.Wait)
	}
	for p, wait := range waits {
		if err := wait(); err != nil {
			t.Fatalf("process %d: %v\n%s", p, err, outputs[fmt.Sprintf("process %d", p)])
		}
	}
	for id, output := range outputs {
		for line := range strings.Lines(output.String()) {
			name := strings.TrimSpace(strings.TrimPrefix(line, "won "))
			winners[name] = append(winners[name], id)
		}
	}
	d := openDir(t, root)
	for i := range raceObjects {
		name, _ := raceObject(i, "")
		if len(winners[name]) != 1 {
			t.Fatalf("%s was won by %q, want one winner", name, winners[name])
		}
		_, content := raceObject(i, winners[name][0])
		wantContent(t, d, name, content)
	}
	wantNoTemps(t, root)
}

// crashChild puts objects, each of which holds its own name many times, until it is killed.
func crashChild(root string) error {
	d, err := bucket.OpenDir(root)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s/%d/%d", os.Getenv(idEnv), i/10, i)
		if err := putString(context.Background(), d, name, crashContent(name)); err != nil {
			return err
		}
		if i == 0 {
			fmt.Println("started")
		}
	}
}

func crashContent(name string) string { return strings.Repeat(name+"\n", 20_000) }

// TestDirKilled kills writers at random moments: every visible object is whole, and what they leave behind is not an
// object.
func TestDirKilled(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for round := range 10 {
		killChild(t, root, fmt.Sprintf("round%d", round), time.Duration(round)*3*time.Millisecond)
	}
	d := openDir(t, root)
	seen := 0
	for info, err := range d.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		wantContent(t, d, info.Name, crashContent(info.Name))
	}
	if seen < 10 {
		t.Errorf("%d objects are there, want at least one a round", seen)
	}
}

// killChild starts a crash child and kills it some time after its first object.
func killChild(t *testing.T, root, id string, after time.Duration) {
	t.Helper()
	cmd, _ := childCommand(t, "crash", root, id)
	cmd.Stdout = nil
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, len("started"))); err != nil {
		t.Errorf("the child did not start: %v", err)
	}
	killed := make(chan error, 1)
	time.AfterFunc(after, func() { killed <- cmd.Process.Kill() })
	if err := errors.Join(<-killed, ignoreKilled(cmd.Wait())); err != nil {
		t.Error(err)
	}
}

// ignoreKilled ignores the error of a child that was killed, which has no exit code.
func ignoreKilled(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == -1 {
		return nil
	}
	return err
}
