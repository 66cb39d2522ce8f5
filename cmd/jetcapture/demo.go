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
	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

// demoFolder is where the demo captures to by default.
const demoFolder = "jetcapture-demo"

const demoHelp = `jetcapture demo shows in a few seconds what jetcapture does. It needs nothing installed.

It starts a nats-server of its own inside this process, publishes pizza orders of several stores,
some broken on purpose, captures them grouped by store, prints what came out, and ends. The folder
stays, for you to look at.

With --http it does not end: orders go on coming, and a page shows how they are captured.

Usage:
  jetcapture demo [--output FOLDER] [--http[=ADDRESS]]

Options:
  -o, --output FOLDER   where to capture to (default: ./` + demoFolder + `); the folder of an earlier
                        demo is replaced, any other folder that holds something is refused
      --http[=ADDRESS]  go on until Ctrl-C, and show it there (` + demoAddress + ` without ADDRESS)

Exit codes: 0 done or stopped cleanly, 1 failed, 2 wrong usage, 130 given up at a second signal.
`

// demoCommand has a flag of its own kind, since it shares no option with run.
func demoCommand(c console) *cobra.Command {
	folder, address := demoFolder, ""
	cmd := &cobra.Command{
		Use:               "demo",
		Short:             "see it work, in seconds, without a server",
		Long:              demoHelp,
		Args:              demoArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			folder, err := parseFolder(folder)
			if err != nil {
				return usagef("--output: %w", err)
			}
			if address, err = demoListenAt(address); err != nil {
				return usagef("--http: %w", err)
			}
			ctx := cmd.Context()
			if err := demo(ctx, folder, address, c); ctx.Err() == nil || !errors.Is(err, context.Canceled) {
				return err
			}
			return nil // stopped by a signal
		},
	}
	cmd.Flags().StringVarP(&folder, "output", "o", demoFolder, "where to capture to")
	cmd.Flags().StringVar(&address, "http", "", "where to show it")
	cmd.Flags().Lookup("http").NoOptDefVal = demoAddress
	_ = cmd.MarkFlagDirname("output") // it fails only for an unknown flag
	return cmd
}

// demoArguments refuses arguments. An address that follows a blank is a likely one, since that is right for run.
func demoArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && cmd.Flags().Changed("http") {
		return usagef("%q: no argument is expected there; write --http=%[1]s", urls.Show(args[0]))
	}
	return noArguments(cmd, args)
}

// demo captures a stream of its own server into folder and prints what came out. With an address it shows the capture
// there until ctx ends.
func demo(ctx context.Context, folder, address string, c console) (err error) {
	watch := &demoWatch{folder: folder, stdout: c.stdout}
	if address != "" {
		if err := watch.listen(ctx, address); err != nil {
			return err
		}
		defer func() { _ = watch.listener.Close() }() // the server has closed it, unless an error came before
	}
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
	if address != "" {
		return watch.run(ctx, nc, c.stderr)
	}
	say(c.stdout, "Stream %s of a nats-server inside this process holds %s pizza orders, some of them broken.\n",
		demoStream, thousands(int64(len(orders))))
	a := &account{folder: folder, self: selfCommand()}
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

// startDemoServer starts a server inside this process. It listens on no port, so that several demos can run at once and
// nobody else reaches it. The caller stops it.
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

// stop waits for the end of the server, whose files are gone then.
func (s *demoServer) stop() error {
	s.Shutdown()
	s.WaitForShutdown()
	return os.RemoveAll(s.folder)
}

// demoSettings are those of: jetcapture run --stream-name PIZZA --output FOLDER --key store=json:store --record payload
// --once.
func demoSettings() (captureSettings, error) {
	s := newCaptureSettings()
	s.library.NATSStreamName = demoStream
	s.library.Once = true
	s.form.Record = form.RecordPayload
	err := sources(&s.form.Keys).Set(demoKey)
	return s, err
}

// capture runs the capture. Its hooks collect the account; the capture calls them one at a time.
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
	// The account prints poison messages; the log would repeat each as a warning.
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	o := s.captureOptions(archive, log, form.Hooks{})
	a.root = archive.String()
	o.Hooks = jetcapture.Hooks{
		BlockStored: func(b jetcapture.BlockStored) { a.files = append(a.files, b) },
		Poison:      func(p jetcapture.PoisonMessage) { a.poison = append(a.poison, p.Err) },
	}
	return o.Build().Run(ctx, nc)
}
