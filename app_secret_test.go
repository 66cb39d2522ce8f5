package jetcapture

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/urfave/cli/v2"
)

// TestSkeletonShowsNoSecret: URLs that are others because of the password in them.
func TestSkeletonShowsNoSecret(t *testing.T) {
	const canary = "CANARY"
	for _, server := range []string{
		"nats://me:a#" + canary + "@127.0.0.1:1", "nats://" + canary + "/a@127.0.0.1:1",
		"nats://me:1,a" + canary + "@127.0.0.1:1", "nats://me:" + canary, "nats://me:" + canary + "@[::1",
		"nats://me:" + canary + "@127.0.0.1:1",
	} {
		app := &cli.App{Flags: skeletonFlags(), Action: func(c *cli.Context) error {
			nc, err := nats.Connect("", skeletonConnection(c, slog.New(slog.DiscardHandler))...)
			if err == nil {
				nc.Close()
			}
			return connectError(c, err)
		}}
		err := app.Run([]string{"x", "--nats-server", server})
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", server, err)
		}
	}
}
