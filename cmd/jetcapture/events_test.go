package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/events"
	"github.com/jetcapture/jetcapture/internal/logstore"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// projected are the ids of all events of a capture of an archive.
func projected(t *testing.T, folder, capture string) (ids []string) {
	t.Helper()
	dir, err := bucket.OpenDirReadOnly(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	log, p := cutlog.New(logstore.Store{Bucket: dir}, capture), events.Projection{Capture: capture}
	for head := (cutlog.Head{}); ; {
		next, ok, err := log.Next(t.Context(), head)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return ids
		}
		for _, e := range p.Cut(head, next) {
			ids = append(ids, e.ID)
		}
		head = next
	}
}

// published are the ids of the events in the stream EVENTS, in their order.
func published(t *testing.T, nc *nats.Conn) (ids []string) {
	t.Helper()
	stream, err := natstest.JetStream(t, nc).Stream(natstest.Context(t), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	last := stream.CachedInfo().State.LastSeq
	for seq := uint64(1); seq <= last; seq++ {
		m, err := stream.GetMsg(natstest.Context(t), seq)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Header.Get("ce-id"))
	}
	return ids
}

func createEvents(t *testing.T, nc *nats.Conn) {
	t.Helper()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{"jetcapture.events.>"}, Duplicates: 100 * time.Millisecond,
	})
}

// TestEventsOfRivals: processes of one capture are killed at random. Every event of the log is in the stream once, in
// order. The window for duplicates is short, so that it is not what prevents them.
func TestEventsOfRivals(t *testing.T) {
	srv, nc := orders(t, "1")
	createEvents(t, nc)
	folder := t.TempDir()
	args := []string{
		"run", "-s", "ORDERS", "-o", folder, "--nats-server", srv.URL(), "--max-age", "100ms", "--events-stream", "EVENTS",
	}
	begin := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), asCommand+"=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	rivals := []*exec.Cmd{begin(), begin()}
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for kill := range 10 {
		for range 15 + random.IntN(25) {
			natstest.PublishN(t, nc, "orders.eu", 3)
			<-pace.C
		}
		killed := rivals[kill%2]
		if err := killed.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = killed.Wait() // it was killed
		rivals[kill%2] = begin()
	}
	for _, cmd := range rivals {
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	if r := (environment{}).run(t, append(args, "--once")...); r.code != exitDone {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	want, got := projected(t, folder, "ORDERS"), published(t, nc)
	if len(want) < 50 {
		t.Errorf("only %d events", len(want))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d events are published, want %d:\n%q\n%q", len(got), len(want), got, want)
	}
}

// hook is a webhook that fails now and then.
type hook struct {
	mu       sync.Mutex
	requests int
	ids      []string
	bad      []string // signatures that do not fit
	secret   string
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if h.requests++; h.requests%3 == 2 || err != nil {
		http.Error(w, "not now", http.StatusInternalServerError)
		return
	}
	mac := hmac.New(sha256.New, []byte(h.secret))
	mac.Write(body)
	if s := r.Header.Get(events.SignatureHeader); s != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
		h.bad = append(h.bad, s)
	}
	var e struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.ids = append(h.ids, e.ID)
}

// TestEventsToWebhookAndFile: both get everything in order, over two runs. The webhook fails once, which is retried.
func TestEventsToWebhookAndFile(t *testing.T) {
	srv, nc := orders(t, "1", "2")
	h := &hook{secret: "s3cret"}
	web := httptest.NewServer(h)
	defer web.Close()
	folder, files := t.TempDir(), t.TempDir()
	lines := filepath.Join(files, "events.ndjson")
	env := environment{"JETCAPTURE_EVENTS_SECRET": h.secret}
	for range 2 {
		r := env.run(t, "run", "-s", "ORDERS", "-o", folder, "--nats-server", srv.URL(), "--once",
			"--events-file", lines, "--events-webhook", web.URL, "--events-position", filepath.Join(files, "position"))
		if r.code != exitDone {
			t.Fatalf("exit code %d: %s", r.code, r.stderr)
		}
		natstest.PublishN(t, nc, "orders.us", 2)
	}
	want := projected(t, folder, "ORDERS")
	if got := idsOf(t, lines); !slices.Equal(got, want) {
		t.Errorf("the file has %q, want %q", got, want)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.ids, want) || len(h.bad) > 0 {
		t.Errorf("the webhook got %q, want %q; signatures that do not fit: %q", h.ids, want, h.bad)
	}
}

// TestEventsFileOfSeveralCaptures: the captures of a pattern share the file. It has everything of each, in order, over
// two runs.
func TestEventsFileOfSeveralCaptures(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	captures := []string{"X-1", "X-2", "X-3"}
	for _, name := range captures {
		natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}})
	}
	folder, lines := t.TempDir(), filepath.Join(t.TempDir(), "events.ndjson")
	for range 2 {
		for _, name := range captures {
			natstest.PublishN(t, nc, name+".a", 3)
		}
		r := environment{}.run(t, "run", "-s", "X-*", "-o", folder, "--nats-server", srv.URL(), "--once",
			"--events-file", lines)
		if r.code != exitDone {
			t.Fatalf("exit code %d: %s", r.code, r.stderr)
		}
	}
	got := idsOf(t, lines)
	for _, name := range captures {
		others := func(id string) bool { return !strings.HasPrefix(id, name+"/") }
		have, want := slices.DeleteFunc(slices.Clone(got), others), projected(t, folder, name)
		if len(want) == 0 || !slices.Equal(have, want) {
			t.Errorf("%s: the file has %q, want %q", name, have, want)
		}
	}
}

func idsOf(t *testing.T, lines string) (ids []string) {
	t.Helper()
	f, err := os.Open(lines)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var e struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

// TestSilentWebhook: one that never answers holds up neither the capture nor its end.
func TestSilentWebhook(t *testing.T) {
	srv, _ := orders(t, "1")
	silent := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	defer web.Close()
	defer close(silent)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := environment{}.run(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--nats-server", srv.URL(), "--once",
		"--events-webhook", web.URL, "--events-position", filepath.Join(t.TempDir(), "position"))
	if took := time.Since(began); r.code != exitDone || took > eventsPatience+5*time.Second || ctx.Err() != nil {
		t.Errorf("exit code %d after %v: %s", r.code, took, r.stderr)
	}
}

func TestEventSettings(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--events-stream", "ORDERS"}, "jetcapture: --events-stream: is the stream that is captured"},
		{[]string{"--events-webhook", "https://example.org"}, "jetcapture: --events-webhook: needs --events-position"},
		{[]string{"--events-position", "x"}, "jetcapture: --events-webhook: needs --events-position"},
		{
			[]string{"--events-webhook", "ftp://u:secret@example.org", "--events-position", "x"},
			"jetcapture: --events-webhook: is not a URL",
		},
	} {
		r := environment{}.run(t, append([]string{"validate", "-s", "ORDERS", "-o", "x"}, tt.args...)...)
		if r.code != exitUsage || !strings.HasPrefix(r.stderr, tt.want) || strings.Contains(r.stderr, "secret@") {
			t.Errorf("%q: exit code %d, %q, want %q", tt.args, r.code, r.stderr, tt.want)
		}
	}
}

// TestPositionOfSeveralCaptures: a file keeps the position of one capture.
func TestPositionOfSeveralCaptures(t *testing.T) {
	const shared = "output: x\nevents_webhook: https://example.org\nevents_position: p\n"
	for text, want := range map[string]string{
		shared + "captures: {a: {stream_name: A}, b: {stream_name: B}}":                       "a and b have the same",
		shared + "captures: {a: {stream_name: A}, b: {stream_name: B, events_position: ./p}}": "a and b have the same",
		shared + "captures: {a: {stream_name: A}, b: {stream_name: B, events_position: q}}":   "",
	} {
		r := environment{}.run(t, "validate", "--config", writeFile(t, "c.yaml", text))
		if (r.code == exitDone) != (want == "") || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d, %q, want %q", text, r.code, r.stderr, want)
		}
	}
}
