package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// newerRecord is a record as a version with another layout could write it: sealed, and with a member that we do not
// know.
func newerRecord(record string) string {
	body, _, _ := strings.Cut(record, `,"sha256":"`)
	body = strings.Replace(body, `{"version":1,`, `{"version":2,"more":[],`, 1)
	return fmt.Sprintf("%s,\"sha256\":\"%x\"}\n", body, sha256.Sum256([]byte(body)))
}

// newerFormat makes format.json newer.
func newerFormat(t *testing.T, folder, capture string) {
	t.Helper()
	path := filepath.Join(folder, logFolder, capture, "format.json")
	body, err := os.ReadFile(path)
	must(t, err)
	must(t, os.Chmod(path, 0o600))
	must(t, os.WriteFile(path, []byte(newerRecord(string(body))), 0o600))
}

// newerPlan makes the last plan newer: a newer version has gone on with an archive of ours.
func newerPlan(t *testing.T, folder, capture string) {
	t.Helper()
	cuts := cutsOf(t, folder, capture)
	path := filepath.Join(folder, logFolder, capture, "log", fmt.Sprintf("%020d.plan.json.gz", len(cuts)))
	packed, err := os.ReadFile(path)
	must(t, err)
	r, err := gzip.NewReader(bytes.NewReader(packed))
	must(t, err)
	body, err := io.ReadAll(r)
	must(t, err)
	// The sum of a plan is that of all before its last comma, blocks included.
	at := bytes.LastIndex(body, []byte(`,"sha256":"`))
	text := strings.Replace(string(body[:at]), `{"version":1,`, `{"version":2,"more":[],`, 1)
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err = fmt.Fprintf(w, "%s,\"sha256\":\"%x\"}\n", text, sha256.Sum256([]byte(text)))
	must(t, err)
	must(t, w.Close())
	must(t, os.Chmod(path, 0o600))
	must(t, os.WriteFile(path, out.Bytes(), 0o600))
}

// TestNewerArchive: what a newer version has written is refused by name, and stays as it is.
func TestNewerArchive(t *testing.T) {
	srv := natstest.Start(t)
	natstest.CreateStream(t, srv.Connect(), jetstream.StreamConfig{Name: "ORDERS"})
	const capture = "RAW"
	to := []string{"--nats-server", srv.URL()}
	commands := func(folder string) map[string][]string {
		return map[string][]string{
			"run": append([]string{
				"-s", "ORDERS", "-o", folder, "--once", "--capture", capture,
				"--filter-subject", "orders.eu", "--filter-subject", "orders.us",
			}, to...),
			"convert": {folder, t.TempDir(), "--from-capture", capture, "--once"},
			"verify":  {folder, "--capture", capture},
			"repair":  append([]string{folder, "--capture", capture}, to...),
			"ls":      {folder, "--capture", capture},
			"cat":     {folder, "--capture", capture},
			"restore": append([]string{folder, "--capture", capture, "--stream-name", "COPY"}, to...),
		}
	}
	for _, newer := range []struct {
		what    string
		change  func(t *testing.T, folder, capture string)
		refused []string
	}{
		{"plan", newerPlan, []string{"run", "convert", "verify", "repair", "ls", "cat", "restore"}},
		// Whose records are all ours, so that they can be read.
		{"format.json", newerFormat, []string{"run", "convert", "verify", "repair"}},
	} {
		folder := filepath.Join(unzip(t, "testdata/upgrade/2026-11-28-750cef1.zip"), "archive")
		newer.change(t, folder, capture)
		before := everythingBelow(t, folder)
		for _, name := range newer.refused {
			out := environment{}.run(t, append([]string{name}, commands(folder)[name]...)...)
			text := out.stdout + out.stderr
			if out.code != exitFailed || !strings.Contains(text, "found 2:") && !strings.Contains(text, "found version 2:") ||
				!strings.Contains(text, "or a newer one") {
				t.Errorf("a newer %s: jetcapture %s = %d:\n%s", newer.what, name, out.code, text)
			}
		}
		if after := everythingBelow(t, folder); after != before {
			t.Errorf("a newer %s: the archive was\n%s\nand is\n%s", newer.what, before, after)
		}
	}
}

// everythingBelow are the names and sums of the files in a folder.
func everythingBelow(t *testing.T, folder string) string {
	t.Helper()
	var out strings.Builder
	for _, name := range filesBelow(t, folder, "") {
		body, err := os.ReadFile(filepath.Join(folder, name))
		must(t, err)
		fmt.Fprintf(&out, "%x %s\n", sha256.Sum256(body), name)
	}
	return out.String()
}
