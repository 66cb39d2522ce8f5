package main

import (
	"bytes"
	"debug/buildinfo"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const antithesisModule = "github.com/antithesishq/antithesis-sdk-go"

// TestCommandHasNoLiveSDK: nats-server asks for a version of Antithesis' SDK that does nothing. One without that suffix
// sorts above it, and then each start looks for a library to load, and a variable of the environment names a file that
// it writes.
func TestCommandHasNoLiveSDK(t *testing.T) {
	command := filepath.Join(t.TempDir(), "jetcapture")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", command, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	info, err := buildinfo.ReadFile(command)
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range info.Deps {
		if module.Path == antithesisModule && !strings.HasSuffix(module.Version, "-default-no-op") {
			t.Errorf("the command is built with %s %s", module.Path, module.Version)
		}
	}
	code, err := os.ReadFile(command)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"libvoidstar", "ANTITHESIS_SDK_LOCAL_OUTPUT", "ANTITHESIS_OUTPUT_DIR"} {
		if bytes.Contains(code, []byte(name)) {
			t.Errorf("the command contains %q", name)
		}
	}
}

// TestModulesAskForNoLiveSDK: the requirement in go.mod is also that of programs which use the library beside
// nats-server.
func TestModulesAskForNoLiveSDK(t *testing.T) {
	required := regexp.MustCompile(regexp.QuoteMeta(antithesisModule) + ` (\S+)`)
	found := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "go.mod" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, version := range required.FindAllStringSubmatch(string(text), -1) {
			found++
			if !strings.HasSuffix(version[1], "-default-no-op") {
				t.Errorf("%s requires %s %s", path, antithesisModule, version[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Errorf("no go.mod requires %s: this test can go", antithesisModule)
	}
}
