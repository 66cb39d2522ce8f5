package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// TestATerminalThatCloses ends a run with a configuration file, which stores what it has read. A SIGHUP that comes
// while the terminal is there makes it read the file again.
func TestATerminalThatCloses(t *testing.T) {
	srv, _ := orders(t, "1")
	folder := t.TempDir()
	file := writeFile(t, "capture.yaml", "stream_name: ORDERS\noutput: "+folder+"\nnats_server: "+srv.URL()+"\n")
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	var number, unlock int32
	control(t, user, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	control(t, user, syscall.TIOCGPTN, unsafe.Pointer(&number))
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	cmd := exec.Command(os.Args[0], "run", "--config", file)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stdin, cmd.Stderr = terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }() // it may have ended
	var seen lockedBuffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		for b := make([]byte, 4096); ; {
			n, err := user.Read(b)
			if err != nil {
				return
			}
			_, _ = seen.Write(b[:n]) // a buffer takes everything
		}
	}()
	await := func(text string) {
		t.Helper()
		natstest.Eventually(t, patience, text, func() bool { return strings.Contains(seen.String(), text) })
	}
	await("reading, 1 message")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await("the configuration file was read again")
	if err := user.Close(); err != nil {
		t.Fatal(err)
	}
	<-read
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	if done, err := filepath.Glob(filepath.Join(folder, logFolder, "ORDERS", "log", "*2.done.json")); len(done) != 1 {
		t.Errorf("the last cut: %q, %v", done, err)
	}
}

// TestAPipeIsNotReadAgain: it may have no writer, and neither a reload nor the end of the process waits for one.
func TestAPipeIsNotReadAgain(t *testing.T) {
	srv, _ := orders(t)
	if r := (environment{"NATS_URL": srv.URL()}).run(t, "fleet", "init"); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	for _, tt := range []struct{ command, text, begins string }{
		{"run", "stream_name: ORDERS\noutput: " + t.TempDir() + "\n", "capturing"},
		{"worker", "worker: w\n", "working for the fleet"},
	} {
		file := writeFile(t, "c.yaml", "nats_server: "+srv.URL()+"\n"+tt.text)
		p := start(t, tt.command, "--config", file)
		p.await(t, tt.begins)
		must(t, os.Remove(file))
		must(t, syscall.Mkfifo(file, 0o600))
		p.signal(t, syscall.SIGHUP)
		p.await(t, "is not a regular file")
		p.signal(t, syscall.SIGTERM)
		if code := p.wait(t); code != exitDone {
			t.Errorf("%s: exit code %d\n%s", tt.command, code, p.stderr.String())
		}
	}
}

// TestAPipeWithASecretIsNotReadAgain: as that of the file itself. At the start it is read.
func TestAPipeWithASecretIsNotReadAgain(t *testing.T) {
	srv, _ := orders(t)
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	go func() { _ = os.WriteFile(pipe, []byte("secret"), 0o600) }() // it waits for the reader
	file := writeFile(t, "c.yaml", "stream_name: ORDERS\noutput: "+t.TempDir()+"\nnats_server: "+srv.URL()+
		"\nnats_user: me\nnats_password_file: "+pipe+"\n")
	p := start(t, "run", "--config", file)
	p.await(t, "capturing")
	p.signal(t, syscall.SIGHUP)
	p.await(t, "nats_password_file: "+pipe+" is not a regular file")
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitDone {
		t.Errorf("exit code %d\n%s", code, p.stderr.String())
	}
	// What is read for each connection is no pipe at the start, either.
	for _, o := range []string{"creds", "nkey", "tls-cert", "tls-key", "tls-ca"} {
		r := environment{}.run(t, "validate", "-s", "S", "-o", "x", "--nats-"+o, pipe)
		if r.code != exitUsage || !strings.Contains(r.stderr, "--nats-"+o+": "+pipe+" is not a regular file") {
			t.Errorf("--nats-%s: exit code %d, %s", o, r.code, r.stderr)
		}
	}
}
