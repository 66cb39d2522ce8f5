package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// ordersArchive is an archive of 6 messages, by the second token of their subjects: one is a dead letter, in the
// capture "payloads" only.
func ordersArchive(t *testing.T) (folder string, srv *natstest.Server) {
	t.Helper()
	srv, _ = orders(t, `{"n":1}`, `{"n":2}`, `{"n":3}`, "", `{"n":5}`, `{"n":6}`)
	folder = filepath.Join(t.TempDir(), "archive")
	captureOnce(t, srv, folder, "--key", "n=subject[2]")
	captureOnce(t, srv, folder, "--key", "json:n", "--record", "payload", "--capture", "payloads", "--compression", "zstd")
	return folder, srv
}

// objectsOf are the JSON objects that a command printed.
func objectsOf(t *testing.T, r result) (objects []map[string]any) {
	t.Helper()
	for line := range strings.Lines(r.stdout) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		objects = append(objects, o)
	}
	return objects
}

// facts prints members of the objects, one object a line.
func facts(objects []map[string]any, members ...string) string {
	var b strings.Builder
	for _, o := range objects {
		for i, m := range members {
			if i > 0 {
				b.WriteString(" ")
			}
			fmt.Fprint(&b, o[m])
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestList(t *testing.T) {
	folder, _ := ordersArchive(t)
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Format("2006-01-02")
	for _, tt := range []struct {
		args    []string
		members []string
		want    string
	}{
		{nil, []string{"type", "capture", "stream", "cuts", "from", "to", "messages", "dead_letters", "files"}, "" +
			"capture ORDERS ORDERS 2 0 6 6 0 6\n" +
			"capture payloads ORDERS 2 0 6 5 1 6\n"},
		{[]string{"--capture", "payloads"}, []string{"capture", "unfinished", "rows"}, "payloads 0 5\n"},
		{[]string{"--cuts"}, []string{"type", "capture", "cut", "reason", "from", "to", "finished", "files"}, "" +
			"cut ORDERS 1 open 0 0 true 0\ncut ORDERS 2 once 0 6 true 6\n" +
			"cut payloads 1 open 0 0 true 0\ncut payloads 2 once 0 6 true 6\n"},
		{
			[]string{"--blocks", "--capture", "payloads"},
			[]string{"type", "kind", "key", "first", "last", "messages", "lost"},
			"" +
				"block data [1] 1 1 1 0\nblock data [2] 2 2 1 0\nblock data [3] 3 3 1 0\nblock data [5] 5 5 1 0\nblock data [6] " +
				"6 6 1 0\n" +
				"block dead [] 4 4 1 0\n",
		},
		{
			[]string{"--last", "1"},
			[]string{"capture", "cuts", "incarnations", "from", "to", "messages"},
			"ORDERS 1 1 0 6 6\npayloads 1 1 0 6 5\n",
		},
		{[]string{"--last", "1", "--cuts"}, []string{"capture", "cut"}, "ORDERS 2\npayloads 2\n"},
		{[]string{"--key", "n=3"}, []string{"capture", "key", "first"}, "ORDERS [n=3] 3\n"},
		{[]string{"--key", "3"}, []string{"capture", "key", "first"}, "ORDERS [n=3] 3\npayloads [3] 3\n"},
		{[]string{"--key", "none"}, []string{"capture"}, ""},
		{
			[]string{"--seq", "4"},
			[]string{"type", "capture", "kind", "first"},
			"block ORDERS data 4\nblock payloads dead 4\n",
		},
		{[]string{"--seq", "5", "--capture", "ORDERS", "--cuts"}, []string{"type", "cut"}, "cut 2\n"},
		{[]string{"--seq", "4", "--key", "n=4"}, []string{"capture"}, "ORDERS\n"},
		{[]string{"--seq", "7", "--capture", "ORDERS"}, []string{"type", "seq", "fate"}, "sequence 7 not-covered\n"},
		{[]string{"--from", tomorrow}, []string{"path"}, ""},
		{[]string{"--to", tomorrow, "--key", "n=1"}, []string{"first"}, "1\n"},
		{[]string{"--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02"}, []string{"first"}, ""},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			// The options may come before and behind the archive.
			for _, args := range [][]string{
				append([]string{"ls", folder, "--json"}, tt.args...),
				append(append([]string{"ls", "--json"}, tt.args...), folder),
			} {
				r := environment{}.run(t, args...)
				said := strings.Contains(r.stderr, "no file matches")
				if r.code != exitDone || said != (tt.want == "") || !said && r.stderr != "" {
					t.Fatalf("exit code %d: %s", r.code, r.stderr)
				}
				if got := facts(objectsOf(t, r), tt.members...); got != tt.want {
					t.Errorf("got\n%swant\n%s", got, tt.want)
				}
			}
		})
	}
}

func TestListAsText(t *testing.T) {
	folder, _ := ordersArchive(t)
	for _, command := range []string{"ls", "verify"} {
		got := (environment{}).complete(t, command, folder, "--capture", "")
		if !slices.Equal(got, []string{"ORDERS", "payloads"}) {
			t.Errorf("%s: the captures %v are offered", command, got)
		}
	}
	for _, tt := range []struct {
		args []string
		want []string // parts
		line int      // how many
	}{
		{nil, []string{"CAPTURE ", " LIVES ", " SKIPPED ", " ABSENT ", "ORDERS ", "payloads ", " 1-6 "}, 3},
		{[]string{"--cuts"}, []string{"REASON", "none yet, after 0", "finished", " once "}, 5},
		{[]string{"--blocks"}, []string{"WINDOW", "n=1/", "_deadletter/payloads/"}, 13},
		{[]string{"--seq", "9"}, []string{"capture ORDERS: sequence 9 is in no cut"}, 2},
	} {
		r := environment{}.run(t, append([]string{"ls", "file://" + folder}, tt.args...)...)
		if r.code != exitDone || r.stderr != "" || strings.Count(r.stdout, "\n") != tt.line {
			t.Errorf("%v: exit code %d: %s%s", tt.args, r.code, r.stderr, r.stdout)
		}
		for _, part := range tt.want {
			if !strings.Contains(r.stdout, part) {
				t.Errorf("%v: no %q in\n%s", tt.args, part, r.stdout)
			}
		}
	}
}

func TestListFailures(t *testing.T) {
	folder, _ := ordersArchive(t)
	plan := filepath.Join(folder, "_jetcapture/ORDERS/log/00000000000000000002.plan.json.gz")
	if err := os.Truncate(plan, 100); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"ls", folder, "--capture", "ORDERS"}, exitFailed, "00000000000000000002.plan.json.gz"},
		{[]string{"ls", folder, "--capture", "none"}, exitFailed, `holds no capture "none"`},
		{[]string{"ls", empty}, exitFailed, "holds no capture: is it the place that --output of jetcapture run names?"},
		{[]string{"ls", filepath.Join(empty, "x")}, exitFailed, "there is no folder"},
		{[]string{"ls"}, exitUsage, "an archive is required: a folder, or its URL; see jetcapture ls --help"},
		{[]string{"ls", "a", "b"}, exitUsage, `"b": one archive only is expected`},
		{[]string{"ls", "a", "--", "--json"}, exitUsage, `"--json": one archive only is expected`},
		{[]string{"ls", "--cutz", "a"}, exitUsage, "unknown flag --cutz: did you mean --cuts?"},
		{[]string{"ls", "a", "--cuts", "--blocks"}, exitUsage, "--cuts: lists cuts, and --blocks lists files"},
		{[]string{"ls", "a", "--seq", "1", "--last", "2"}, exitUsage, "--last: --seq finds its cut by itself"},
		{[]string{"ls", "a", "--seq", "0"}, exitUsage, `--seq: "0" is not a stream sequence`},
		{[]string{"ls", "a", "--from", "yesterday"}, exitUsage, `--from: "yesterday" is not a time`},
		{[]string{"ls", "a", "--seq"}, exitUsage, "--seq: a value must follow"},
		{[]string{"ls", "ftp://bucket"}, exitUsage, "ftp:// is not a store"},
	} {
		r := environment{}.run(t, tt.args...)
		if r.code != tt.code || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("%v: exit code %d: %s", tt.args, r.code, r.stderr)
		}
	}
	if entries, err := os.ReadDir(empty); err != nil || len(entries) > 0 {
		t.Errorf("ls has made %v, %v", entries, err)
	}
}

func TestReadingCommandsHelp(t *testing.T) {
	for _, command := range []string{"ls", "verify"} {
		for _, help := range []string{"--help", "-h"} {
			r := environment{}.run(t, command, help)
			if r.code != exitDone || !strings.Contains(r.stdout, "jetcapture "+command+" ARCHIVE [OPTIONS]") ||
				!strings.Contains(r.stdout, "Exit codes") {
				t.Errorf("%s %s: exit code %d: %s%s", command, help, r.code, r.stdout, r.stderr)
			}
			for line := range strings.Lines(r.stdout) {
				if len(line) > helpWidth+1 {
					t.Errorf("%s: long line: %s", command, line)
				}
			}
		}
	}
}

// TestLsOfTheConfiguration: what restore --stream-config reads, and what nats consumer add reads for each consumer.
func TestLsOfTheConfiguration(t *testing.T) {
	srv, _ := orders(t, `{"n":0}`)
	stream, err := natstest.JetStream(t, srv.Connect()).Stream(t.Context(), "ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mailer", "worker"} {
		if _, err := stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: name}); err != nil {
			t.Fatal(err)
		}
	}
	folder := filepath.Join(t.TempDir(), "archive")
	captureOnce(t, srv, folder)
	printed := readingRun(t, "ls", folder, "--stream-config")
	var record struct{ Consumers []jetstream.ConsumerConfig }
	if err := json.Unmarshal([]byte(printed), &record); err != nil || len(record.Consumers) != 2 ||
		record.Consumers[1].Durable != "worker" {
		t.Errorf("%v: %s", err, printed)
	}
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(printed), 0o600); err != nil {
		t.Fatal(err)
	}
	readingRun(t, "restore", folder, "-s", "COPY", "--stream-config", file, "--subjects", "copy.>",
		"--nats-server", srv.URL())
	js := natstest.JetStream(t, srv.Connect()) // another stream does not hide it
	if err := js.DeleteStream(t.Context(), "ORDERS"); err != nil {
		t.Fatal(err)
	}
	natstest.CreateStream(t, srv.Connect(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>", "x"}})
	captureOnce(t, srv, folder)
	_, id, _ := strings.Cut(readingRun(t, "get", folder, "1"), "of incarnation ")
	id, _, _ = strings.Cut(id, "\n")
	if got := readingRun(t, "ls", folder, "--stream-config", "--incarnation", id); got != printed {
		t.Errorf("of the first life: %s, want %s", got, printed)
	}
	if got := readingRun(t, "ls", folder, "--stream-config"); !strings.Contains(got, `,"x"]`) {
		t.Errorf("of the newest life: %s", got)
	}
	for code, args := range map[int]string{exitUsage: "--cuts", exitFailed: "--incarnation=none"} {
		if got := (environment{}).run(t, "ls", folder, "--stream-config", args); got.code != code {
			t.Errorf("%s: exit code %d: %s", args, got.code, got.stderr)
		}
	}
}
