package readertest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if err := installNode(); err != nil {
		if os.Getenv("CI") == "true" {
			fmt.Fprintln(os.Stderr, "readers in Node.js:", err)
			os.Exit(1)
		}
		fmt.Println("LEFT OUT: DuckDB and avsc do not read our files:", err)
		haveNode = false
	}
	os.Exit(m.Run())
}

// haveNode is set by TestMain, once.
var haveNode = true

// installNode installs the readers unless they are there.
func installNode() error {
	if _, err := exec.LookPath("node"); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join("node", "node_modules", ".package-lock.json")); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = "node"
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}

// node runs a script and returns its lines, each a JSON text.
func node(t *testing.T, script string, in any, args ...string) []json.RawMessage {
	t.Helper()
	stdin, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join("node", script)}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", script, err, &errs)
	}
	var lines []json.RawMessage
	for line := range bytes.Lines(out) {
		lines = append(lines, bytes.TrimRight(line, "\n"))
	}
	return lines
}

// null stands for SQL's NULL in a row.
const null = "\x00NULL"

// duckdb runs statements, one process for all, and returns the rows of each as text.
func duckdb(t *testing.T, statements ...string) [][][]string {
	t.Helper()
	lines := node(t, "duckdb.mjs", statements)
	if len(lines) != len(statements) {
		t.Fatalf("%d results of %d statements", len(lines), len(statements))
	}
	results := make([][][]string, len(lines))
	for i, line := range lines {
		var result struct {
			Rows  [][]*string
			Error string
		}
		if err := json.Unmarshal(line, &result); err != nil {
			t.Fatal(err)
		}
		if result.Error != "" {
			t.Fatalf("DuckDB: %s\n%s", result.Error, statements[i])
		}
		results[i] = [][]string{}
		for _, row := range result.Rows {
			values := make([]string, len(row))
			for j, v := range row {
				if values[j] = null; v != nil {
					values[j] = *v
				}
			}
			results[i] = append(results[i], values)
		}
	}
	return results
}
