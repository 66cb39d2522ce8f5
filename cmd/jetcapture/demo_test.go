package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDemo(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "show me")
	for range 2 { // the second one replaces the first
		r := environment{}.run(t, "demo", "--output", folder)
		if r.code != exitDone || r.stderr != "" {
			t.Fatalf("exit code %d: %s", r.code, r.stderr)
		}
		checkDemo(t, folder, r.stdout)
		if v := (environment{}).run(t, "verify", folder); v.code != exitDone {
			t.Errorf("verify: exit code %d: %s", v.code, v.stdout+v.stderr)
		}
	}
}

func checkDemo(t *testing.T, folder, account string) {
	t.Helper()
	rows := rowsBelow(t, folder)
	dead := rows["_deadletter/"+demoStream]
	total := 0
	for dir, r := range rows {
		if !strings.HasPrefix(dir, "store=") && dir != "_deadletter/"+demoStream {
			t.Errorf("there is %s", dir)
		}
		if !strings.Contains(account, dir+"/") {
			t.Errorf("the account does not tell of %s", dir)
		}
		total += len(r)
	}
	if total != len(pizzaOrders()) || len(dead) != 4 || len(rows["store=_none"]) != 1 || len(rows["store=rome"]) < 100 {
		t.Errorf("%d rows of %d orders, %d dead letters, %d without a store", total, len(pizzaOrders()), len(dead),
			len(rows["store=_none"]))
	}
	for _, want := range []string{"the payload is not JSON", "Try next", "jetcapture run", "'" + folder} {
		if !strings.Contains(account, want) {
			t.Errorf("no %q in the account:\n%s", want, account)
		}
	}
}

func TestDemoRefusesFoldersOfOthers(t *testing.T) {
	made := filepath.Join(t.TempDir(), "made")
	if r := (environment{}).run(t, "demo", "-o", made); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	for _, tt := range []struct {
		name, folder string
		change       string // a file to make in the folder
		want         string
	}{
		{"somebody's", t.TempDir(), "thesis.txt", "is not empty, and no demo has made it"},
		{"file", filepath.Join(t.TempDir(), "x"), "", "is not a folder"},
		{"demo with another file", made, "thesis.txt", "thesis.txt in it is something else"},
		{"demo with another capture", made, "_jetcapture/ORDERS/format.json", "holds another capture, ORDERS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(tt.folder, tt.change)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			r := environment{}.run(t, "demo", "-o", tt.folder)
			if r.code != exitFailed || !strings.Contains(r.stderr, tt.want) || !strings.Contains(r.stderr, "--output") ||
				len(r.lines()) != 1 {
				t.Errorf("exit code %d, %s", r.code, r.stderr)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("it has removed something: %v", err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		})
	}
}
