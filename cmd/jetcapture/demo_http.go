package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/monitor"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/nats-io/nats.go"
)

const (
	demoAddress = "127.0.0.1:9464" // of the page, unless another one is given
	demoWindow  = 20 * time.Second // short, so that one sees cuts
	demoEvery   = 50 * time.Millisecond
)

// demoListenAt completes the address of the page; it may be empty.
func demoListenAt(address string) (string, error) {
	if address == "" {
		return "", nil
	}
	return monitor.Address(address)
}

// demoWatch is a demo that goes on, to be watched.
type demoWatch struct {
	folder   string
	stdout   io.Writer
	listener net.Listener
	board    monitor.Board
}

func (d *demoWatch) listen(ctx context.Context, address string) (err error) {
	if d.listener, err = monitor.Listen(ctx, address); err != nil {
		return fmt.Errorf("--http: %w", err)
	}
	return nil
}

// run captures, while orders come, until ctx ends, and shows that over HTTP.
func (d *demoWatch) run(ctx context.Context, nc *nats.Conn, stderr io.Writer) (err error) {
	archive, err := openOutput(ctx, d.folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	s, err := demoSettings()
	if err != nil {
		return err
	}
	s.library.Once, s.library.MaxAge = false, demoWindow
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError})) // the page has the rest
	o := s.captureOptions(archive, log, form.Hooks{})
	capture := o.Build()
	entry := d.board.Add(status.Running{Capture: demoStream, Stream: demoStream, Output: archive.String()})
	entry.Run(capture)
	program := monitor.Program{Version: version, Revision: thisProgram.Revision(), Started: time.Now()}
	defer monitor.Serve(d.listener, monitor.Handler(program, &d.board, monitor.Registry(program, &d.board), false), log)()
	d.printStart()

	coming, stop := context.WithCancel(ctx)
	var joined sync.WaitGroup
	joined.Go(func() { orderOn(coming, nc) })
	err = capture.Run(ctx, nc)
	stop()
	joined.Wait()
	entry.End(err)
	if stats := capture.Stats(); err == nil {
		say(d.stdout, "\nStored %s in %s. Is it all there?\n  %s verify %s\n", counted(stats.Messages, "message"),
			counted(stats.Blocks, "file"), selfCommand(), shellText(d.folder))
	}
	return err
}

// printStart says where the demo can be watched.
func (d *demoWatch) printStart() {
	url := "http://" + d.listener.Addr().String()
	say(d.stdout, "Stream %s of a nats-server inside this process gets %d pizza orders a second, some of them broken.\n"+
		"They are captured into %s, in windows of %s. Watch it:\n\n"+
		"  %s/   in a browser\n  %s top %s   on the terminal\n\nCtrl-C ends it.\n",
		demoStream, time.Second/demoEvery, shellText(d.folder), formatDuration(demoWindow), url, selfCommand(), url)
}

// orderOn publishes orders, again and again, until ctx ends.
func orderOn(ctx context.Context, nc *nats.Conn) {
	tick := time.NewTicker(demoEvery)
	defer tick.Stop()
	for {
		for _, m := range pizzaOrders() {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = nc.PublishMsg(m) // the server is in this process
			}
		}
	}
}
