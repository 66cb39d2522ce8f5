package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestMisspelledSource: a key or a column that has had no value in any message is named once.
func TestMisspelledSource(t *testing.T) {
	srv, _ := orders(t, `{"region":"eu","id":1}`, `{"id":2}`)
	r := captureOnce(t, srv, filepath.Join(t.TempDir(), "archive"), "--format", "csv",
		"--key", "region=json:region", "--key", "shop=json:stroe", "--column", "id=json:id", "--column", "who=header:Who")
	const warning = "no message so far has had a value there"
	for _, option := range []string{"--key shop=json:stroe", "--column who=header:Who"} {
		if n := strings.Count(r.stderr, option); n != 1 {
			t.Errorf("%s is named %d times in\n%s", option, n, r.stderr)
		}
	}
	if n := strings.Count(r.stderr, warning); n != 2 {
		t.Errorf("%d warnings, want 2:\n%s", n, r.stderr)
	}
}

// TestPayloadsThatAreNotText: lines of bytes that are no text are warned of once.
func TestPayloadsThatAreNotText(t *testing.T) {
	srv, _ := orders(t, "text", "\xff\xfe", "\x80")
	r := captureOnce(t, srv, filepath.Join(t.TempDir(), "archive"), "--record", "payload")
	if n := strings.Count(r.stderr, "a payload is not text"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, r.stderr)
	}
}
