package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestInterruptedCutIsFinishedAsPlanned: the flags of the next start do not matter for a cut that an earlier one has
// planned.
func TestInterruptedCutIsFinishedAsPlanned(t *testing.T) {
	srv, _ := orders(t, `{"a":"x","n":1}`, `{"a":"y","n":2}`, "")
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--format", "csv", "--column", "n=json:n", "--column", "seq=seq", "--key", "a=json:a",
		"--compression", "none")
	want := rowsBelow(t, folder)
	undo(t, folder)
	if got := rowsBelow(t, folder); len(got) != 0 {
		t.Fatalf("the test has left %v", got)
	}
	r := captureOnce(t, srv, folder, "--record", "payload")
	if !strings.Contains(r.stderr, "1 cut finished that an earlier run had begun") {
		t.Errorf("the summary does not tell of it:\n%s", r.stderr)
	}
	if got := rowsBelow(t, folder); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// undoDone takes the last done record away.
func undoDone(t *testing.T, folder string) {
	t.Helper()
	done, err := filepath.Glob(filepath.Join(folder, logFolder, "ORDERS", "log", "*.done.json"))
	if err != nil || len(done) == 0 {
		t.Fatalf("no done record: %v", err)
	}
	if err := os.Remove(done[len(done)-1]); err != nil {
		t.Fatal(err)
	}
}

// undo takes an archive back to the moment after its last plan was put.
func undo(t *testing.T, folder string) {
	t.Helper()
	undoDone(t, folder)
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, filepath.Join(folder, logFolder)) {
			return err
		}
		return os.Remove(path)
	})
	if err != nil {
		t.Fatal(err)
	}
}
