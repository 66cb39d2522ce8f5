package main

import (
	"context"
	"io"
	"maps"
	"sync/atomic"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// TestConsumerSaysWhoseItIs: the consumers of a capture have metadata, of a durable one also the thresholds of
// `nats server check consumer`.
func TestConsumerSaysWhoseItIs(t *testing.T) {
	for _, tt := range []struct {
		name, consumer string
		args           []string
		also           map[string]string
	}{
		{name: "ephemeral", consumer: "jetcapture-ORDERS-here"},
		{name: "durable", consumer: "archive", args: []string{"--consumer-name", "archive"}, also: map[string]string{
			"io.nats.monitor.enabled":                  "true",
			"io.nats.monitor.outstanding-ack-critical": "900000",
			"io.nats.monitor.unprocessed-critical":     "1000000",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, nc := orders(t, "1")
			folder := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan int)
			go func() {
				args := append([]string{"jetcapture", "run", "-s", "ORDERS", "-o", folder, "--instance", "here"}, tt.args...)
				env := environment{"NATS_URL": srv.URL()}
				getenv := func(name string) string { return env[name] }
				done <- execute(ctx, args, console{io.Discard, io.Discard, getenv, new(atomic.Bool), nil})
			}()
			defer func() {
				cancel()
				if code := <-done; code != exitDone {
					t.Errorf("exit code %d", code)
				}
			}()
			var info *jetstream.ConsumerInfo
			natstest.Eventually(t, patience, "consumer "+tt.consumer, func() bool {
				c, err := natstest.JetStream(t, nc).Consumer(natstest.Context(t), "ORDERS", tt.consumer)
				if err == nil {
					info = c.CachedInfo()
				}
				return err == nil
			})
			want := map[string]string{
				"jetcapture.capture": "ORDERS", "jetcapture.instance": "here", "jetcapture.output": folder,
			}
			maps.Copy(want, tt.also)
			for name, v := range want {
				if info.Config.Metadata[name] != v {
					t.Errorf("%s is %q, want %q", name, info.Config.Metadata[name], v)
				}
			}
		})
	}
}
