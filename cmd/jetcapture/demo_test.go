package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/status"
)

func TestDemo(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "show me")
	for range 2 { // the second one replaces the first
		r := environment{}.run(t, "demo", "--output", folder)
		if r.code != exitDone || r.stderr != "" {
			t.Fatalf("exit code %d: %s", r.code, r.stderr)
		}
		checkDemo(t, folder, r.stdout)
		if v := (environment{}).run(t, "verify", folder); v.code != exitDone || strings.Contains(v.stdout, "stray") {
			t.Errorf("verify: exit code %d: %s", v.code, v.stdout+v.stderr)
		}
	}
}

// TestDemoToWatch: with --http it goes on, serves the page, and what it leaves is whole.
func TestDemoToWatch(t *testing.T) {
	folder, address := filepath.Join(t.TempDir(), "demo"), freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr lockedBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- execute(ctx, []string{"jetcapture", "demo", "-o", folder, "--http=" + address},
			console{&stdout, &stderr, func(string) string { return "" }, new(atomic.Bool), nil})
	}()
	natstest.Eventually(t, patience, "orders that go on coming", func() bool {
		_, body := fetch(t, "http://"+address+"/status")
		var p status.Process
		return json.Unmarshal([]byte(body), &p) == nil && len(p.Captures) == 1 &&
			p.Captures[0].Source.ReadSeq > uint64(len(pizzaOrders())+5) && len(p.Captures[0].LargestOpen) > 3
	})
	code, body := fetch(t, "http://"+address+"/")
	if code != http.StatusOK || !strings.Contains(body, "<title>jetcapture") {
		t.Errorf("the page: %d %s", code, body)
	}
	cancel()
	if code := <-ended; code != exitDone || !strings.Contains(stdout.String(), "http://"+address+"/   in a browser") ||
		!strings.Contains(stdout.String(), "Is it all there?") || stderr.String() != "" {
		t.Errorf("exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
	if v := (environment{}).run(t, "verify", folder); v.code != exitDone {
		t.Errorf("verify: exit code %d: %s", v.code, v.stdout+v.stderr)
	}
	for args, want := range map[string]string{"--http=x": "is not an address", "--http :1": "write --http=:1"} {
		r := environment{}.run(t, append([]string{"demo", "-o", folder}, strings.Fields(args)...)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d: %s", args, r.code, r.stderr)
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
