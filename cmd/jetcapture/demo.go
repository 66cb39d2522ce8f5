package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/urfave/cli/v2"
)

// demoFolder is where the demo captures to by default.
const demoFolder = "jetcapture-demo"

const demoHelp = `jetcapture demo shows in a few seconds what jetcapture does. It needs nothing installed.

It starts a nats-server of its own inside this process, publishes pizza orders of several stores, some broken on purpose,
captures them grouped by store, prints what came out, and ends. The folder stays, for you to look at.

Usage:
  jetcapture demo [--output FOLDER]

Options:
  -o, --output FOLDER   where to capture to (default: ./` + demoFolder + `); the folder of an earlier demo is replaced, any other
                        folder that holds something is refused

Exit codes: 0 done or stopped cleanly, 1 failed, 2 wrong usage, 130 given up at a second signal.
`

func demoCommand(c console) *cli.Command {
	return &cli.Command{
		Name:               "demo",
		Usage:              "see it work, in seconds, without a server",
		CustomHelpTemplate: demoHelp,
		Flags:              []cli.Flag{&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: demoFolder}},
		Action: func(ctx *cli.Context) error {
			if err := noArguments(ctx); err != nil {
				return err
			}
			folder, err := parseFolder(ctx.String("output"))
			if err != nil {
				return &usageError{[]error{fmt.Errorf("--output: %w", err)}}
			}
			if err := demo(ctx.Context, folder, c); ctx.Err() == nil || !errors.Is(err, context.Canceled) {
				return err
			}
			return nil // stopped by a signal
		},
	}
}

// demo captures a stream of its own server into folder and tells what came out.
func demo(ctx context.Context, folder string, c console) (err error) {
	if err := prepareDemoFolder(folder); err != nil {
		return err
	}
	srv, err := startDemoServer()
	if err != nil {
		return fmt.Errorf("start a nats-server for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	nc, err := nats.Connect("", nats.InProcessServer(srv.Server))
	if err != nil {
		return fmt.Errorf("connect to the demo's server: %w", err)
	}
	defer nc.Close()
	orders := pizzaOrders()
	if err := publishOrders(ctx, nc, orders); err != nil {
		return fmt.Errorf("publish the demo's orders: %w", err)
	}
	say(c.stdout, "Stream %s of a nats-server inside this process holds %s pizza orders, some of them broken.\n", demoStream, thousands(int64(len(orders))))
	a := &account{folder: folder}
	if err := a.capture(ctx, nc, c.stderr); err != nil {
		return err
	}
	a.print(c.stdout)
	return nil
}

// demoServer is a nats-server without ports, and its folder.
type demoServer struct {
	*server.Server
	folder string
}

func startDemoServer() (*demoServer, error) {
	folder, err := os.MkdirTemp("", "jetcapture-demo-")
	if err != nil {
		return nil, err
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "jetcapture-demo", DontListen: true, JetStream: true, StoreDir: folder, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	go srv.Start() // until Shutdown, for which stop waits
	s := &demoServer{srv, folder}
	const limit = 10 * time.Second
	if !srv.ReadyForConnections(limit) {
		return nil, errors.Join(fmt.Errorf("it takes no connection within %v", limit), s.stop())
	}
	return s, nil
}

func (s *demoServer) stop() error {
	s.Shutdown()
	s.WaitForShutdown()
	return os.RemoveAll(s.folder)
}

// demoSettings are those of: jetcapture run --stream-name PIZZA --output FOLDER --key store=json:store --record payload --once.
func demoSettings() (*settings, error) {
	s := defaults()
	s.library.NATSStreamName = demoStream
	s.library.Once = true
	s.form.record = recordPayload
	return s, sources(&s.form.keys).Set(demoKey)
}

// capture runs the capture and keeps what its hooks tell.
func (a *account) capture(ctx context.Context, nc *nats.Conn, stderr io.Writer) (err error) {
	s, err := demoSettings()
	if err != nil {
		return err
	}
	archive, err := openOutput(ctx, a.folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	// Every poison message would be a warning; the account tells of them.
	o := s.captureOptions(archive, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	a.root = archive.String()
	o.Hooks = jetcapture.Hooks{
		BlockStored: func(b jetcapture.BlockStored) { a.files = append(a.files, b) },
		Poison:      func(p jetcapture.PoisonMessage) { a.poison = append(a.poison, p.Err) },
	}
	return o.Build().Run(ctx, nc)
}
