package natsconn

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/natscontext"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, natstest.IgnoreServer()...) }

func TestAPIPrefix(t *testing.T) {
	for _, tt := range []struct {
		c       Config
		context natscontext.Settings
		want    string
	}{
		{Config{}, natscontext.Settings{}, ""},
		{Config{Domain: "hub"}, natscontext.Settings{JSDomain: "other"}, "$JS.hub.API"},
		{Config{APIPrefix: "hub.api"}, natscontext.Settings{JSAPIPrefix: "other"}, "hub.api"},
		{Config{}, natscontext.Settings{JSDomain: "hub"}, "$JS.hub.API"},
		{Config{}, natscontext.Settings{JSAPIPrefix: "hub.api."}, "hub.api"},
	} {
		if got := tt.c.prefix(tt.context); got != tt.want {
			t.Errorf("%+v %+v gives %q, want %q", tt.c, tt.context, got, tt.want)
		}
	}
}

func TestConnectionComesBack(t *testing.T) {
	srv := natstest.Start(t)
	var b lockedBuffer
	nc, _, err := Connect(Config{Server: Setting{Text: srv.URL(), Rank: 1}}, slog.New(slog.NewTextHandler(&b, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	srv.Restart()
	natstest.Eventually(t, 20*time.Second, "reconnection in the log", func() bool {
		return strings.Contains(b.String(), "the connection is lost") && strings.Contains(b.String(), "connected again")
	})
	if strings.Contains(b.String(), "level=ERROR") {
		t.Errorf("got\n%s", b.String())
	}
}

// A stream may be full of headers that no client can read. Its readers deal with that.
func TestHeadersThatNoClientReadsAreNoWarning(t *testing.T) {
	srv := natstest.Start(t)
	var b lockedBuffer
	log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	nc, _, err := Connect(Config{Server: Setting{Text: srv.URL(), Rank: 1}}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	if _, err := nc.SubscribeSync("s"); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	natstest.PublishRaw(t, nc.ConnectedAddr(), "s", "NATS/1.0\r\nno colon\r\n\r\n", nil)
	natstest.Eventually(t, 20*time.Second, "error of the client in the log", func() bool {
		return strings.Contains(b.String(), "could not decode headers")
	})
	if strings.Contains(b.String(), "level=WARN") {
		t.Errorf("got\n%s", b.String())
	}
}

func TestContexts(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	if got := Contexts(); len(got) > 0 {
		t.Errorf("without a folder there are the contexts %q", got)
	}
	folder := filepath.Join(config, "nats", "context")
	if err := os.MkdirAll(filepath.Join(folder, "folder.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"b.json", "a.json", "a.txt", ".json"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := Contexts(), []string{"a", "b"}; !slices.Equal(got, want) {
		t.Errorf("contexts %q, want %q", got, want)
	}
}

// lockedBuffer is a buffer that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
