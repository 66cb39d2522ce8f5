package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/status"
)

// freePort is an address on which nothing listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// fetch asks a URL; a code of 0 means that nobody answers.
func fetch(t *testing.T, url string) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// flushNow asks a capture for a cut.
func flushNow(t *testing.T, url string) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Jetcapture", "flush")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestServesWhileItRuns: a running capture answers over HTTP, and its answers agree.
func TestServesWhileItRuns(t *testing.T) {
	srv, _ := orders(t, `{"id":1}`, `{"id":2}`)
	address := freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		ended <- execute(ctx, []string{
			"jetcapture", "run", "--nats-server", srv.URL(), "-s", "ORDERS", "-o", t.TempDir(), "--http", address,
			"--consumer-name", "C", "--create-consumer", "--events-file", filepath.Join(t.TempDir(), "events"),
		}, console{io.Discard, &stderr, func(string) string { return "" }, new(atomic.Bool), nil})
	}()
	var now status.Process
	natstest.Eventually(t, 30*time.Second, "two messages", func() bool {
		_, body := fetch(t, "http://"+address+"/status")
		return json.Unmarshal([]byte(body), &now) == nil && now.Captures[0].Accounting.Messages == 2
	})
	c := now.Captures[0]
	if c.Health.Code != status.OK || c.Source.ReadSeq != 2 || !c.Source.Connected || c.Archive.Cut != 1 {
		t.Errorf("status %+v", c)
	}
	for _, probe := range []string{"livez", "readyz", "startupz"} {
		if code, body := fetch(t, "http://"+address+"/"+probe+"?verbose"); code != http.StatusOK {
			t.Errorf("%s: %d %s", probe, code, body)
		}
	}
	metrics := ""
	has := func(series string) func() bool {
		return func() bool {
			_, metrics = fetch(t, "http://"+address+"/metrics")
			return strings.Contains(metrics, "jetcapture_"+series+"\n")
		}
	}
	natstest.Eventually(t, patience, "pending acks", has(`ack_pending{capture="ORDERS",stream_name="ORDERS"} 2`))
	code, body := flushNow(t, "http://"+address+"/flush/ORDERS")
	if code != http.StatusOK || !strings.Contains(body, `seq":2`) {
		t.Errorf("flush: %d %s", code, body)
	}
	natstest.Eventually(t, patience, "acks", has(`ack_pending{capture="ORDERS",stream_name="ORDERS"} 0`))
	natstest.Eventually(t, patience, "an event",
		has(`events_published_total{capture="ORDERS",result="ok",stream_name="ORDERS",type="block.stored"} 1`))
	for _, want := range []string{
		`jetcapture_events_published_total{capture="ORDERS",result="error",stream_name="ORDERS",type="cut.done"} 0`,
		`jetcapture_messages_read_total{capture="ORDERS",stream_name="ORDERS"} 2`,
		`jetcapture_state{capture="ORDERS",state="reading",stream_name="ORDERS"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	cancel()
	if code := <-ended; code != exitDone {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	if code, _ := fetch(t, "http://"+address+"/livez"); code != 0 {
		t.Error("it still serves after its end")
	}
}

func TestHTTPPortInUse(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := environment{}.run(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--http", l.Addr().String())
	if r.code != exitFailed || !strings.Contains(r.stderr, "is in use by another process: give another port") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

// TestOnceLeavesMetrics: a run that ends by itself leaves its metrics in a file, and tells that it went well.
func TestOnceLeavesMetrics(t *testing.T) {
	srv, _ := orders(t, `{"id":1}`)
	var beats atomic.Int32
	watch := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { beats.Add(1) }))
	defer watch.Close()
	defer http.DefaultClient.CloseIdleConnections()
	folder, file := t.TempDir(), filepath.Join(t.TempDir(), "orders.prom")
	captureOnce(t, srv, folder, "--metrics-file", file, "--heartbeat-url", watch.URL)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := `jetcapture_stored_sequence{capture="ORDERS",stream_name="ORDERS"} 1`; !strings.Contains(string(b), want) {
		t.Errorf("no %s in %s", want, b)
	}
	if beats.Load() != 1 {
		t.Errorf("%d heartbeats, want 1", beats.Load())
	}
	if r := (environment{}).run(t, "run", "-s", "ORDERS", "-o", folder, "--once", "--nats-server", "nats://127.0.0.1:1",
		"--wait", "20ms", "--heartbeat-url", watch.URL); r.code != exitFailed || beats.Load() != 1 {
		t.Errorf("a run that fails: exit code %d, %d heartbeats", r.code, beats.Load())
	}
	verified := filepath.Join(t.TempDir(), "verify.prom")
	if r := (environment{}).run(t, "verify", folder, "--metrics-file", verified); r.code != exitDone {
		t.Fatalf("verify: exit code %d: %s", r.code, r.stderr)
	}
	if b, err := os.ReadFile(verified); err != nil || !strings.Contains(string(b), "jetcapture_verify_problems{archive=") {
		t.Errorf("metrics of verify: %s, %v", b, err)
	}
}

func TestMonitoringOptions(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--http 9464", `"9464" is not an address`},
		{"--pprof", "--pprof: needs --http"},
		{"--heartbeat-url x/secret", "--heartbeat-url: it is not a URL"},
		{"--metrics-file x.txt", "does not end in .prom"},
		{"--metrics-file /no/such/folder/x.prom", `there is no folder for "/no/such/folder/x.prom"`},
	} {
		r := environment{}.run(t, append([]string{"validate", "-s", "ORDERS", "-o", "x"}, strings.Fields(c.args)...)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, c.want) || strings.Contains(r.stderr, "secret") {
			t.Errorf("%s: exit code %d: %s", c.args, r.code, r.stderr)
		}
	}
}
