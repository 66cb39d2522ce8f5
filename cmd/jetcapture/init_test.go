package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// TestInitByFlags: the file that it writes is one that run takes. A second one does not overwrite it.
func TestInitByFlags(t *testing.T) {
	srv, _ := orders(t, "1", "2")
	folder := t.TempDir()
	file, archive := filepath.Join(folder, "orders.yaml"), filepath.Join(folder, "archive")
	args := []string{"init", "-s", "ORDERS", "-o", archive, "--nats-server", srv.URL(), "--file", file}
	r := environment{}.run(t, args...)
	if r.code != exitDone {
		t.Fatalf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	for _, want := range []string{"1 stream of the server:\n  1  ORDERS  2 messages", "run --config " + file, "orders.>"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
	if r = (environment{}).run(t, "run", "--config", file, "--once"); r.code != exitDone {
		t.Errorf("run: exit code %d: %s", r.code, r.stderr)
	}
	if rows := rowsBelow(t, archive)[""]; len(rows) != 2 {
		t.Errorf("%d rows are in the archive", len(rows))
	}
	r = environment{}.run(t, args...)
	if r.code != exitUsage || !strings.Contains(r.stderr, "is there already") || r.stdout != "" {
		t.Errorf("a second one: exit code %d: %s", r.code, r.stderr)
	}
	if r = (environment{}).run(t, append(args, "--force")...); r.code != exitDone {
		t.Errorf("--force: exit code %d: %s", r.code, r.stderr)
	}
}

// TestInitAsksNobody where there is no terminal: it says which option is missing, shows what there is, and writes
// nothing.
func TestInitAsksNobody(t *testing.T) {
	srv, _ := orders(t, "1")
	file := filepath.Join(t.TempDir(), "orders.yaml")
	for args, want := range map[string]string{
		"":                    "--stream-name: is required",
		"-s ORDERS":           "--output: is required",
		"--file none/x":       "--file: make its folder first",
		"-s NOWHERE -o x":     `--stream-name: the server has no stream "NOWHERE"`,
		"--systemd --helm":    "--systemd: writes another file",
		"-s ORDERS -o ftp://": "ftp:// is not a store",
	} {
		r := environment{}.run(t, append([]string{"init", "--nats-server", srv.URL(), "--file", file},
			strings.Fields(args)...)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d, no %q in\n%s", args, r.code, want, r.stderr)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a file")
	}
}

// TestInitAsks: the answers of a user choose the stream by number and the archive; what is wrong is asked again.
func TestInitAsks(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "A"})
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "JETCAPTURE_FLEET"}) // it is not offered
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "JOBS", Retention: jetstream.WorkQueuePolicy})
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	answer := func(args []string, text string) (string, error) {
		s := newInitSettings()
		cmd := initCommand(console{})
		if err := cmd.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		if problems := s.take(s.options.all(), cmd.Flags(), environment{}.get); len(problems) > 0 {
			t.Fatal(problems)
		}
		var out bytes.Buffer
		c := console{stdout: &out, stderr: &out, getenv: environment{}.get, logJSON: new(atomic.Bool)}
		err := s.write(t.Context(), c, &interview{bufio.NewReader(strings.NewReader(text)), &out})
		return out.String(), err
	}
	out, err := answer(nil, srv.URL()+"\n2\nftp://x\narchive\n")
	if err != nil || !strings.Contains(out, "Archive, a folder") || !strings.Contains(out, "ftp:// is not a store") {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile("jobs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`nats_server: "` + srv.URL() + `"`, "stream_name: JOBS\n", "consumer_name: jetcapture\n", "output: archive\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	out, err = answer([]string{"--nats-server", srv.URL()}, "A\n")
	if err == nil || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("input that ends: %v\n%s", err, out)
	}
}

// TestInitIsInterrupted at a question.
func TestInitIsInterrupted(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	in, typed := io.Pipe()
	defer typed.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, out := newInitSettings(), new(lockedBuffer)
	c := console{stdout: out, stderr: out, getenv: environment{}.get, logJSON: new(atomic.Bool)}
	ended := make(chan error, 1)
	go func() { ended <- s.write(ctx, c, &interview{bufio.NewReader(in), out}) }()
	natstest.Eventually(t, patience, "a question", func() bool { return strings.Contains(out.String(), "NATS server [") })
	cancel()
	select {
	case err := <-ended:
		if exitCode(err) != exitFailed || !strings.Contains(err.Error(), "interrupted") {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(patience):
		t.Error("it goes on waiting for an answer")
	}
}

// TestInitForSystemdAndHelm: the file is one for /etc/jetcapture, or values of the chart.
func TestInitForSystemdAndHelm(t *testing.T) {
	srv, _ := orders(t, "1")
	folder := t.TempDir()
	for kind, want := range map[string][]string{
		"--systemd": {"# nats_creds: ${CREDENTIALS_DIRECTORY}/nats.creds\n", "\nstream_name: \"ORD*\"\n"},
		"--helm":    {"\nconfig:\n  nats_server: ", "\n  stream_name: \"ORD*\"\n", "\npersistence:\n", "\n  mountPath: /"},
	} {
		file := filepath.Join(folder, kind)
		r := environment{}.run(t, "init", kind, "-s", "ORD*", "-o", filepath.Join(folder, "archive"), "--nats-server",
			srv.URL(), "--file", file)
		if r.code != exitDone {
			t.Fatalf("%s: exit code %d: %s%s", kind, r.code, r.stdout, r.stderr)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s: no %q in\n%s", kind, part, text)
			}
		}
	}
}
