package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/urfave/cli/v2"
)

// launch runs the program in the background and returns its error.
func launch(t *testing.T, out io.Writer, args ...string) <-chan error {
	t.Helper()
	app := newApp()
	app.Writer, app.ErrWriter = out, out
	app.ExitErrHandler = func(*cli.Context, error) {}
	done := make(chan error, 1)
	go func() { done <- app.Run(append([]string{"appskeleton", "--max-age", "200ms"}, args...)) }()
	return done
}

// orders makes the stream ORDERS with one message for each subject, and the consumer backup.
func orders(t *testing.T, nc *nats.Conn, subjects ...string) nats.JetStreamContext {
	t.Helper()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddConsumer("ORDERS",
		&nats.ConsumerConfig{Durable: "backup", AckPolicy: nats.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	for _, s := range subjects {
		if _, err := js.Publish(s, []byte("data of "+s)); err != nil {
			t.Fatal(err)
		}
	}
	return js
}

// awaitAcks waits until the messages are stored, which is soon because the windows of launch are short.
func awaitAcks(t *testing.T, js nats.JetStreamContext, messages uint64) {
	t.Helper()
	natstest.Eventually(t, 20*time.Second, "ack of all messages", func() bool {
		info, err := js.ConsumerInfo("ORDERS", "backup")
		return err == nil && info.AckFloor.Stream == messages
	})
}

// writeContext makes a NATS context and returns its absolute name.
func writeContext(t *testing.T, settings map[string]string) string {
	t.Helper()
	content, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ctx.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// interrupt sends a signal to this process, which the running skeleton handles.
func interrupt(t *testing.T, s os.Signal) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func withLogin(o *server.Options) { o.Username, o.Password = "ada", "s3cret" }

func TestSkeletonCapturesUntilSignal(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			srv := natstest.Start(t, withLogin)
			js := orders(t, srv.Connect(nats.UserInfo("ada", "s3cret")), "orders.new", "orders.paid", "orders.new")
			output := t.TempDir()
			// The URL and the login come from the context.
			name := writeContext(t, map[string]string{"url": srv.URL(), "user": "ada", "password": "s3cret"})
			var log bytes.Buffer
			done := launch(t, &log, "--nats-context", name, "-s", "ORDERS", "-c", "backup", "--output", output)
			awaitAcks(t, js, 3)
			interrupt(t, s)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			checkRows(t, output, map[string][]uint64{"orders.new": {1, 3}, "orders.paid": {2}})
			if strings.Contains(log.String(), "s3cret") {
				t.Errorf("the log shows the password: %s", log.String())
			}
		})
	}
}

// checkRows compares the stream sequences in the files of each subject, and what the rows say.
func checkRows(t *testing.T, output string, want map[string][]uint64) {
	t.Helper()
	for subject, seqs := range want {
		files, err := filepath.Glob(filepath.Join(output, subject, "*/*/*/*/*/*.ndjson"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files for %s (%v)", subject, err)
		}
		var rows []byte
		for _, f := range files {
			content, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, content...)
		}
		for decoder := json.NewDecoder(bytes.NewReader(rows)); ; {
			var m jetcapture.NatsMessage
			if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if len(seqs) == 0 || m.Metadata.Sequence.Stream != seqs[0] || string(m.Data) != "data of "+subject ||
				m.Subject != subject {
				t.Fatalf("%s: unexpected row %+v %+v, want sequences %d", subject, m, m.Metadata, seqs)
			}
			seqs = seqs[1:]
		}
		if len(seqs) > 0 {
			t.Errorf("%s: no rows for sequences %d", subject, seqs)
		}
	}
}

func TestSkeletonServerFlagWinsOverContext(t *testing.T) {
	srv := natstest.Start(t)
	js := orders(t, srv.Connect(), "orders.new")
	name := writeContext(t, map[string]string{"url": "nats://127.0.0.1:1"})
	output := t.TempDir()
	done := launch(t, io.Discard, "--nats-context", name, "--nats-server", "nats://127.0.0.1:2, "+srv.URL(),
		"--nats-inbox-prefix", "_INBOX_backup", "-s", "ORDERS", "-c", "backup", "--output", output)
	awaitAcks(t, js, 1)
	interrupt(t, syscall.SIGTERM)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	checkRows(t, output, map[string][]uint64{"orders.new": {1}})
}

func TestSkeletonDomainOfContext(t *testing.T) {
	srv := natstest.Start(t, func(o *server.Options) { o.JetStreamDomain = "hub" })
	js := orders(t, srv.Connect(), "orders.new")
	name := writeContext(t, map[string]string{"url": srv.URL(), "jetstream_domain": "hub"})
	output := t.TempDir()
	done := launch(t, io.Discard, "--nats-context", name, "-s", "ORDERS", "-c", "backup", "--output", output)
	awaitAcks(t, js, 1)
	interrupt(t, syscall.SIGTERM)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	checkRows(t, output, map[string][]uint64{"orders.new": {1}})
}

func TestSkeletonConnectErrors(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	missing := filepath.Join(t.TempDir(), "no.creds")
	tests := map[string]struct {
		args []string
		want string
	}{
		"no server": {[]string{"--nats-server", "nats://ada:s3cret@127.0.0.1:1"}, "connect to NATS with --nats-server"},
		"bad URL": {
			[]string{"--nats-server", "nats://ada:s3cret@127.0.0.1:x1"},
			"connect to NATS with --nats-server",
		},
		"unknown context": {[]string{"--nats-context", "nowhere"}, `connect to NATS with NATS context "nowhere"`},
		"no creds file":   {[]string{"--nats-server", "nats://127.0.0.1:1", "--nats-creds", missing}, "no.creds"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			args := append(tc.args, "-s", "ORDERS", "-c", "backup", "--output", t.TempDir())
			err := <-launch(t, io.Discard, args...)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
