package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTwoBuildsAreEqual: two builds of one commit, in different folders and without a common cache, give equal files.
// The command would take minutes to be compiled twice, so a small one takes its place: all else is what make release
// does. The workflow of a release compares two builds of the command itself.
func TestTwoBuildsAreEqual(t *testing.T) {
	repository := smallRepository(t)
	first := releaseOf(t, repository)
	t.Setenv("GOCACHE", t.TempDir())
	second := releaseOf(t, repository)
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
	checkBinary(t, repository, first)
	checkBill(t, first)
}

// smallRepository is one like ours, with a command of some lines, which needs one module.
func smallRepository(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	sums, err := os.ReadFile("../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"go.mod": "module example.com/jetcapture\n\ngo 1.26.0\n\nrequire github.com/inconshreveable/mousetrap v1.1.0\n",
		"go.sum": string(sums), "LICENSE": "licence", "README.md": "# readme", "CHANGELOG.md": "# changes",
		"cmd/jetcapture/main.go": smallCommand,
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "."},
		{"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "first"},
	} {
		if _, err := output(command(t.Context(), folder, "git", args...)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// smallCommand does what a release asks of the command. It imports little, since all of it is compiled twice.
const smallCommand = `package main

import (
	"os"

	"github.com/inconshreveable/mousetrap"
)

func main() {
	switch {
	case mousetrap.StartedByExplorer():
		os.Exit(1)
	case os.Args[1] == "man":
		if os.WriteFile(os.Args[2]+"/jetcapture.1", []byte("manual"), 0o644) != nil {
			os.Exit(1)
		}
	default:
		os.Stdout.WriteString(os.Args[1] + "\\n")
	}
}
`

// releaseOf releases HEAD of a repository for this machine alone.
func releaseOf(t *testing.T, repository string) []text {
	t.Helper()
	out := t.TempDir()
	args := []string{
		"-repository", repository, "-version", "0.9.8", "-out", out, "-only", host().String(), "-tags", "one,two",
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

// checkBinary: the binary names the version and the commit, and is static and trimmed.
func checkBinary(t *testing.T, repository string, files []text) {
	t.Helper()
	body := bodyOf(t, files, "/jetcapture")
	info, err := buildinfo.Read(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	commit, err := output(command(t.Context(), repository, "git", "rev-parse", "HEAD"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"version": info.Main.Version}
	for _, s := range info.Settings {
		got[s.Key] = s.Value
	}
	for key, want := range map[string]string{
		"version": "v0.9.8", "vcs.revision": strings.TrimSpace(commit), "vcs.modified": "false",
		"CGO_ENABLED": "0", "-trimpath": "true", "-tags": "one,two",
	} {
		if got[key] != want {
			t.Errorf("%s of the binary is %q, want %q", key, got[key], want)
		}
	}
	if bytes.Contains(body, []byte(repository)) {
		t.Error("the binary names the folder that it was built in")
	}
}

// checkBill: the bill of materials and the licences have the modules of the binary.
func checkBill(t *testing.T, files []text) {
	t.Helper()
	var b bill
	if err := json.Unmarshal(bodyOf(t, files, ".cdx.json"), &b); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, c := range b.Components {
		names[c.PURL] = true
	}
	if !names["pkg:golang/github.com/inconshreveable/mousetrap@v1.1.0"] {
		t.Errorf("the bill has %v", names)
	}
	licences := string(bodyOf(t, files, "share/THIRD-PARTY-LICENSES.txt"))
	for _, want := range []string{"The Go standard library, go1", "github.com/inconshreveable/mousetrap v1.1.0: LICENSE"} {
		if !strings.Contains(licences, "\n"+want) {
			t.Errorf("there is no licence of %s", want)
		}
	}
}

// TestLicences: each module of the command can be shipped.
func TestLicences(t *testing.T) {
	list := command(t.Context(), "../..", "go", "list", "-deps", "-tags", "disable_grpc_modules,grpcnotrace",
		"-f", "{{with .Module}}{{.Path}} {{.Dir}}{{end}}", "./cmd/jetcapture")
	list.Env = append(list.Environ(), "GOFLAGS=")
	out, err := output(list)
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]string{}
	for line := range strings.Lines(out) {
		path, folder, _ := strings.Cut(strings.TrimSpace(line), " ")
		if path != "" {
			modules[path] = folder
		}
	}
	const many = 50
	if len(modules) < many {
		t.Errorf("the command has %d modules", len(modules))
	}
	for path, folder := range modules {
		if err := appendLicences(&bytes.Buffer{}, path, folder); err != nil {
			t.Error(err)
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
