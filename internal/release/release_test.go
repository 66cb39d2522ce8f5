package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTwoBuildsAreEqual: two builds of one commit, in different folders, give equal files.
func TestTwoBuildsAreEqual(t *testing.T) {
	first, second := releaseHere(t), releaseHere(t)
	names := map[string]bool{}
	for _, f := range first {
		names[f.name] = true
	}
	if len(first) != len(second) || !names[sumsName] {
		t.Fatalf("the files of two releases: %d and %d, of the first %v", len(first), len(second), names)
	}
	for i, f := range first {
		if f.name != second[i].name || !bytes.Equal(f.body, second[i].body) {
			t.Errorf("%s and %s of two builds differ", f.name, second[i].name)
		}
	}
	checkBinary(t, first)
	checkBill(t, first)
}

// releaseHere releases HEAD for this machine alone.
func releaseHere(t *testing.T) []text {
	t.Helper()
	out := t.TempDir()
	args := []string{
		"-repository", "../..", "-version", "0.9.8", "-out", out, "-only", host().String(),
		"-tags", "disable_grpc_modules,grpcnotrace",
	}
	if err := run(t.Context(), args); err != nil {
		t.Fatal(err)
	}
	files, err := readTexts(out)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func bodyOf(t *testing.T, files []text, suffix string) []byte {
	t.Helper()
	for _, f := range files {
		if strings.HasSuffix(f.name, suffix) {
			return f.body
		}
	}
	t.Fatalf("the release has no %s", suffix)
	return nil
}

// checkBinary: the binary names the version and the commit.
func checkBinary(t *testing.T, files []text) {
	t.Helper()
	body := bodyOf(t, files, "/jetcapture")
	info, err := buildinfo.Read(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if info.Main.Version != "v0.9.8" {
		t.Errorf("the binary is of version %s", info.Main.Version)
	}
	path := filepath.Join(t.TempDir(), "jetcapture")
	if err := os.WriteFile(path, body, 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "jetcapture 0.9.8 (commit ") {
		t.Errorf("jetcapture version: %v, %s", err, out)
	}
}

// checkBill: the bill of materials and the licences have the modules of the binary.
func checkBill(t *testing.T, files []text) {
	t.Helper()
	var b bill
	if err := json.Unmarshal(bodyOf(t, files, ".cdx.json"), &b); err != nil {
		t.Fatal(err)
	}
	licences := string(bodyOf(t, files, "share/THIRD-PARTY-LICENSES.txt"))
	const many = 50
	if len(b.Components) < many {
		t.Errorf("the bill has %d components", len(b.Components))
	}
	for _, c := range b.Components[1:] {
		if !strings.Contains(licences, "\n"+c.Name+" "+c.Version+": ") {
			t.Errorf("there is no licence of %s %s", c.Name, c.Version)
		}
	}
}

func TestWrongFlags(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"must be like":   {"-version", "v0.2"},
		"must be one of": {"-version", "0.2.0", "-only", "plan9/amd64"},
		"is not empty":   {"-version", "0.2.0", "-out", full},
		"git clone":      {"-version", "0.2.0", "-out", t.TempDir(), "-repository", full},
	} {
		if err := run(t.Context(), args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

func TestNoLicenceIsAnError(t *testing.T) {
	if err := appendLicences(&bytes.Buffer{}, "a module", t.TempDir()); err == nil {
		t.Error("a module without a licence is shipped")
	}
}

// TestZip: archives for Windows depend on nothing but what is in them.
func TestZip(t *testing.T) {
	entries := []entry{{text{"jetcapture/jetcapture.exe", []byte("MZ")}, 0o755}}
	var one, two bytes.Buffer
	at := time.Date(2026, time.November, 28, 7, 0, 0, 0, time.UTC)
	if err := writeZip(&one, entries, at); err != nil {
		t.Fatal(err)
	}
	if err := writeZip(&two, entries, at); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two archives of the same files differ")
	}
}
