package crashtest_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"go.uber.org/goleak"
)

// The long form: go test ./internal/crashtest -run TestKills -timeout 0 -v -args -crash.from 1 -crash.seeds 500.
var (
	fromSeed = flag.Uint64("crash.from", 1, "first seed of the random tests")
	seeds    = flag.Uint64("crash.seeds", 0, "how many seeds the random tests run; 0: the short form")
	raced    = flag.Bool("crash.race", false, "build the programs that are killed with the race detector, too")
	large    = flag.Int64("crash.bytes", 0, "size in bytes of the uncommitted window of TestResume; 0: the short form")
)

// programs are the programs that the tests run, each built when it is first needed.
type programs struct {
	dir     string
	command func() (string, error)
	child   func() (string, error)
}

var built programs

func TestMain(m *testing.M) {
	if config := os.Getenv(serverVar); config != "" {
		if err := serve(config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		_ = flag.Set("test.parallel", "6") // they mostly wait; cannot fail, since the flag exists
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "jetcapture-crashtest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	built = programs{
		dir:     dir,
		command: sync.OnceValues(func() (string, error) { return build(dir, "jetcapture", "build", "./cmd/jetcapture") }),
		child:   sync.OnceValues(func() (string, error) { return build(dir, "child", "test", "-c", ".") }),
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(natstest.IgnoreServer()...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// build builds a program of this module.
func build(dir, name string, args ...string) (string, error) {
	path := filepath.Join(dir, name)
	args = append(args[:len(args)-1:len(args)-1], append(raceFlags(), "-o", path, args[len(args)-1])...)
	cmd := exec.CommandContext(context.Background(), "go", args...)
	cmd.Dir = filepath.Join("..", "..")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, out.String())
	}
	return path, nil
}

func raceFlags() []string {
	if *raced {
		return []string{"-race"}
	}
	return nil
}

func must(t testing.TB, build func() (string, error)) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
