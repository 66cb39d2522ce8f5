package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/nats-io/nats.go"
)

// readingRun runs a command that succeeds, and returns what it prints.
func readingRun(t *testing.T, args ...string) string {
	t.Helper()
	r := environment{}.run(t, args...)
	if r.code != exitDone {
		t.Errorf("jetcapture %s: exit code %d: %s", strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// wholeArchive holds 20 messages on the subjects orders.0 to orders.3, in two cuts.
func wholeArchive(t *testing.T, args ...string) string {
	t.Helper()
	srv, nc := orders(t)
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "archive")
	for i := range 20 {
		m := &nats.Msg{Subject: fmt.Sprintf("orders.%d", i%4), Data: fmt.Appendf(nil, `{"n":%d,"a":{"b":"x%d"}}`, i, i%2)}
		if i%5 == 0 {
			m.Header = nats.Header{"Trace": {fmt.Sprint(i)}}
		}
		if _, err := js.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
		if i == 9 {
			captureOnce(t, srv, folder, append([]string{"--key", "subject[2]"}, args...)...)
		}
	}
	captureOnce(t, srv, folder, append([]string{"--key", "subject[2]"}, args...)...)
	return folder
}

func TestCatChoosesMessages(t *testing.T) {
	folder := wholeArchive(t)
	for _, tt := range []struct{ args, want string }{
		{"", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"},
		{"--seq 3", "2"},
		{"--seq 18..", "17 18 19"},
		{"--seq ..2", "0 1"},
		{"--seq 9..12", "8 9 10 11"},
		{"--subject orders.3", "3 7 11 15 19"},
		{"--subject *.1 --subject orders.2 --limit 3", "1 2 5"},
		{"--key 2 --tail 2", "14 18"},
		{"--tail 3", "17 18 19"},
		{"--tail 12 --limit 2", "8 9"},
		{"--tail 100 --seq ..3", "0 1 2"},
		{"--header Trace", "0 5 10 15"},
		{"--header Trace=10", "10"},
		{"--json a.b=x1 --json n=7", "7"},
		{"--from 2001-01-01 --to 2002-01-01", ""},
		{"--from 2001-01-01 --limit 1", "0"},
	} {
		args := append([]string{"cat", folder, "--format", "payload"}, strings.Fields(tt.args)...)
		found := regexp.MustCompile(`"n":(\d+)`).FindAllStringSubmatch(readingRun(t, args...), -1)
		var got []string
		for _, f := range found {
			got = append(got, f[1])
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("cat %s: %s, want %s", tt.args, strings.Join(got, " "), tt.want)
		}
	}
}

func TestCatPrintsEachFormat(t *testing.T) {
	for _, args := range [][]string{nil, {"--format", "raw"}, {"--record", "event"}} {
		folder := wholeArchive(t, args...)
		line := regexp.MustCompile(`^sequence,time,subject,payload\n` +
			`6,20\d\d-[^,]+Z,orders.1,"\{""n"":5,""a"":\{""b"":""x1""\}\}"\n$`)
		if got := readingRun(t, "cat", folder, "--seq", "6", "--format", "csv"); !line.MatchString(got) {
			t.Errorf("%q: %s", args, got)
		}
		const member = `"subject":"orders.1","reply":"","header":{"Trace":["5"]},"data":"eyJuIjo1LCJhIjp7ImIiOiJ4MSJ9fQ=="`
		if got := readingRun(t, "cat", folder, "--seq", "6"); !strings.Contains(got, member) {
			t.Errorf("%q: %s", args, got)
		}
		if got := readingRun(t, "cat", folder, "--seq", "6", "--format", "raw"); !strings.HasPrefix(got, "JCRAW001") {
			t.Errorf("%q: %q", args, got)
		}
	}
}

func TestCatOfPayloads(t *testing.T) {
	folder := wholeArchive(t, "--record", "payload")
	if got := readingRun(t, "cat", folder, "--format", "payload", "--seq", "2..3"); got !=
		"{\"n\":1,\"a\":{\"b\":\"x1\"}}\n{\"n\":2,\"a\":{\"b\":\"x0\"}}\n" {
		t.Error(got)
	}
	r := environment{}.run(t, "cat", folder)
	const hint = "without sequence, time, subject and header; --format payload prints them"
	if r.code != exitFailed || !strings.Contains(r.stderr, hint) {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	if got := readingRun(t, "grep", "x1", folder, "--limit", "1"); got != "2: - - {\"n\":1,\"a\":{\"b\":\"x1\"}}\n" {
		t.Error(got)
	}
}

func TestGrepFindsMessages(t *testing.T) {
	folder := wholeArchive(t)
	seqs := func(args ...string) string {
		out := readingRun(t, append([]string{"grep"}, args...)...)
		return strings.Join(regexp.MustCompile(`(?m)^(\d+[:-]|--|\d+$)`).FindAllString(out, -1), " ")
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{`"n":1[5-7]`, folder}, "16: 17: 18:"},
		{[]string{"ORDERS.2", folder}, ""},
		{[]string{"ORDERS.2", folder, "-i", "--limit", "2"}, "3: 7:"},
		{[]string{"Trace: 1", folder}, "11: 16:"},
		{[]string{"x0", folder, "--count"}, "10"},
		{[]string{`"n":(4|9)`, folder, "--context", "1"}, "4- 5: 6- -- 9- 10: 11-"},
		{[]string{`"n":(4|6)`, folder, "-C", "1"}, "4- 5: 6- 7: 8-"},
		{[]string{`"n":4,`, folder, "-C", "1", "--limit", "1"}, "4- 5: 6-"},
	} {
		if got := seqs(tt.args...); got != tt.want {
			t.Errorf("grep %q: %s, want %s", tt.args, got, tt.want)
		}
	}
}

func TestGetPrintsAMessage(t *testing.T) {
	folder := wholeArchive(t)
	text := readingRun(t, "get", folder, "11")
	for _, part := range []string{"Sequence: 11\n", "Subject: orders.2\n", "Header: Trace: 10\n", `{"n":10,"a":{`} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in %s", part, text)
		}
	}
	if got := readingRun(t, "get", folder, "11", "--format", "payload"); got != `{"n":10,"a":{"b":"x0"}}` {
		t.Error(got)
	}
	wantReplay(t, environment{}.run(t, "get", folder, "21"), exitFailed,
		"has not stored stream sequence 21: jetcapture ls "+folder+" --capture ORDERS --seq 21 says what it knows")
	wantReplay(t, environment{}.run(t, "get", folder, "1", "2"), exitUsage, `"2": an archive and SEQ only are expected`)
}

// TestTablesHoldNoMessages: the default of --record, which says nothing of them, is not named.
func TestTablesHoldNoMessages(t *testing.T) {
	folder := wholeArchive(t, "--format", "csv", "--column", "n=json:n")
	for _, args := range [][]string{{"cat", folder}, {"get", folder, "1"}} {
		wantReplay(t, environment{}.run(t, args...), exitFailed,
			"capture ORDERS cut 2 has files of format csv: they are tables of the capture's columns, without the messages")
	}
}

func TestReadersRefuseWhatTheyDoNotUnderstand(t *testing.T) {
	for _, args := range [][]string{
		{"cat"},
		{"cat", ".", "--seq", "0"},
		{"cat", ".", "--seq", "5..2"},
		{"cat", ".", "--seq", "x"},
		{"cat", ".", "--json", "a"},
		{"get", "."},
		{"get", ".", "x"},
		{"grep", "."},
		{"grep", "(", "."},
		{"cat", ".", "--format", "parquet"},
		{"cat", ".", "--from", "yesterday"},
		{"cat", ".", "--json", "a.*=1"},
	} {
		if r := (environment{}).run(t, args...); r.code != exitUsage || r.stdout != "" {
			t.Errorf("jetcapture %q: exit code %d: %s%s", args, r.code, r.stdout, r.stderr)
		}
	}
	for _, command := range [][]string{{"cat", t.TempDir()}, {"get", t.TempDir(), "1"}, {"grep", "x", t.TempDir()}} {
		if r := (environment{}).run(t, command...); r.code != exitFailed || !strings.Contains(r.stderr, "holds no capture") {
			t.Errorf("jetcapture %q: exit code %d: %s", command, r.code, r.stderr)
		}
	}
}

// A reader that goes away, as head does, ends cat without a word, as it ends cat(1).
func TestCatIntoAClosedPipe(t *testing.T) {
	folder := wholeArchive(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "cat", folder)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Run(); err != nil && err.Error() != "signal: broken pipe" || stderr.Len() > 0 {
		t.Errorf("%v: %s", err, stderr.String())
	}
}

// Formats other than NDJSON hold such a header as it is, without its block.
func TestCatPrintsHeadersThatAreNotUTF8(t *testing.T) {
	item := &archive.Item{Message: archive.Message{Header: map[string][]string{"Bin": {"\xff"}}}}
	var out bytes.Buffer
	page := bufio.NewWriter(&out)
	p, err := newMessagePrinter(catNDJSON, page)
	if err == nil {
		err = errors.Join(p.print(item), page.Flush())
	}
	want := `"header_raw":"` + base64.StdEncoding.EncodeToString([]byte("NATS/1.0\r\nBin: \xff\r\n\r\n")) + `"`
	if err != nil || !strings.Contains(out.String(), want) {
		t.Errorf("%v, %s, want %s", err, out.String(), want)
	}
}

// alterFirst alters the payload of message 1 in an archive of raw files that are not compressed, with a key each.
func alterFirst(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "0", "*", "*", "*", "*", "*", "*-00000000000000000001-*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err == nil {
		err = os.WriteFile(files[0], bytes.Replace(whole, []byte(`"n":0`), []byte(`"n":7`), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The rows that a limit leaves out are checked too: without that, nobody knows whether those before them are whole.
func TestALimitChecksItsFiles(t *testing.T) {
	folder := wholeArchive(t, "--format", "raw", "--compression", "none")
	alterFirst(t, folder)
	for _, args := range [][]string{{"cat", folder, "--limit", "1"}, {"grep", "n", folder, "--limit", "1"}} {
		if r := (environment{}).run(t, args...); r.code != exitFailed || !strings.Contains(r.stderr, "SHA-256") {
			t.Errorf("%v: exit code %d: %s", args, r.code, r.stderr)
		}
	}
}
