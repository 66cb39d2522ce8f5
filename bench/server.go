package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// runServer is the part "server DIR": a nats-server with its streams in DIR. It prints its URL and serves until its
// standard input ends, at the latest when the harness dies.
func runServer(_ context.Context, args []string, stdout, _ io.Writer) error {
	if len(args) != 1 {
		return errors.New("server: want one directory")
	}
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT,
		JetStream: true, StoreDir: args[0],
		NoLog: true, NoSigs: true, DisableJetStreamBanner: true,
	})
	if err != nil {
		return fmt.Errorf("configure the server: %w", err)
	}
	srv.Start()
	defer srv.WaitForShutdown()
	defer srv.Shutdown()
	if !srv.ReadyForConnections(30 * time.Second) {
		return errors.New("the server is not ready after 30 s")
	}
	fmt.Fprintln(stdout, srv.ClientURL())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// serverProcess is a running part "server".
type serverProcess struct {
	url string
	cmd *exec.Cmd
	end io.Closer // its standard input
}

// startPart starts self as one of its parts, which ends with its standard input. The end of ctx kills it.
func startPart(ctx context.Context, self, part string, args ...string) (
	cmd *exec.Cmd, stdin io.Closer, stdout io.Reader, err error,
) {
	cmd = exec.CommandContext(ctx, self, append([]string{part}, args...)...)
	cmd.Stderr = os.Stderr
	if stdin, err = cmd.StdinPipe(); err != nil {
		return nil, nil, nil, err
	}
	if stdout, err = cmd.StdoutPipe(); err != nil {
		return nil, nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, nil, fmt.Errorf("start the %s: %w", part, err)
	}
	return cmd, stdin, stdout, nil
}

// startServer starts self as a server on dir and waits until it serves. The end of ctx kills it.
func startServer(ctx context.Context, self, dir string) (_ *serverProcess, err error) {
	cmd, stdin, stdout, err := startPart(ctx, self, "server", dir)
	if err != nil {
		return nil, err
	}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	p := &serverProcess{url: strings.TrimSpace(url), cmd: cmd, end: stdin}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the server's URL: %w", err), p.stop())
	}
	return p, nil
}

// stop ends the server and waits for its end.
func (p *serverProcess) stop() error {
	if err := errors.Join(p.end.Close(), p.cmd.Wait()); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	return nil
}
