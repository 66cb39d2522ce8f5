package monitor

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/status"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a capture on a board that reads. Its counters are those that change makes.
func running(b *Board, change func(s *jetcapture.Stats)) *Entry {
	e := b.Add(status.Running{Capture: "ORDERS", Stream: "ORDERS", Output: "/archive"})
	e.Run(&fake{change: change})
	return e
}

// fake is a capture that runs.
type fake struct {
	change func(s *jetcapture.Stats)
	open   []jetcapture.OpenBlock
	flush  func(ctx context.Context) error
}

func (f *fake) Stats() jetcapture.Stats {
	now := time.Now()
	s := jetcapture.Stats{
		State: jetcapture.StateReading, Began: now, ReadSince: now, Since: now, Pulse: now,
		Connected: true, Window: time.Hour,
	}
	f.change(&s)
	return s
}

func (f *fake) LargestBlocks(ctx context.Context, _ int) ([]jetcapture.OpenBlock, error) {
	if f.open == nil { // it is too busy
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return f.open, nil
}

func (f *fake) Flush(ctx context.Context) error { return f.flush(ctx) }

// get asks a handler.
func get(t *testing.T, h http.Handler, path string, header ...string) (code int, body string, headers http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Result().Header
}

// handler serves a board.
func handler(b *Board, pprof bool) http.Handler {
	p := Program{Version: "1.2.3", Started: time.Now()}
	return Handler(p, b, Registry(p, b), pprof)
}

func TestMetricsAreThereBeforeTheCaptureRuns(t *testing.T) {
	var b Board
	b.Add(status.Running{Capture: "ORDERS", Stream: "ORDERS"})
	code, body, header := get(t, handler(&b, false), "/metrics")
	if code != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/plain") {
		t.Fatalf("code %d, %s", code, header.Get("Content-Type"))
	}
	for _, line := range []string{
		`jetcapture_messages_read_total{capture="ORDERS",stream_name="ORDERS"} 0`,
		`jetcapture_sequences_lost_total{capture="ORDERS",reason="expired",stream_name="ORDERS"} 0`,
		`jetcapture_state{capture="ORDERS",state="starting",stream_name="ORDERS"} 1`,
		`jetcapture_build_info{`, `go_goroutines `,
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("no %s", line)
		}
	}
}

func TestOpenMetricsByNegotiation(t *testing.T) {
	var b Board
	running(&b, func(*jetcapture.Stats) {})
	_, body, header := get(t, handler(&b, false), "/metrics", "Accept", "application/openmetrics-text;version=1.0.0")
	kind := header.Get("Content-Type")
	if !strings.HasPrefix(kind, "application/openmetrics-text") || !strings.HasSuffix(body, "# EOF\n") {
		t.Errorf("got %s, ending in %q", kind, body[max(0, len(body)-20):])
	}
}

func TestProbes(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(s *jetcapture.Stats)
		path   string
		code   int
		body   string
	}{
		{"alive", func(*jetcapture.Stats) {}, "/livez", 200, "ok\n"},
		{"in words", func(*jetcapture.Stats) {}, "/livez?verbose", 200, "[+] ORDERS moves\nok\n"},
		{
			"the store is away", func(s *jetcapture.Stats) { s.StoreFailing = s.Began.Add(-time.Hour) }, "/readyz", 503,
			"[-] ORDERS store: its operations have been failing for 1 h 0 m\nreadyz failed\n",
		},
		{"and it lives", func(s *jetcapture.Stats) { s.StoreFailing = s.Began.Add(-time.Hour) }, "/livez", 200, "ok\n"},
		{
			"a start", func(s *jetcapture.Stats) { s.ReadSince, s.State = time.Time{}, jetcapture.StateStarting },
			"/startupz", 503, "[-] ORDERS reads: reading has not begun: starting\nstartupz failed\n",
		},
		{
			"no pulse", func(s *jetcapture.Stats) { s.Pulse = s.Began.Add(-time.Hour) }, "/livez", 503,
			"no sign of life for 1 h",
		},
	} {
		var b Board
		running(&b, c.change)
		code, body, _ := get(t, handler(&b, false), c.path)
		if code != c.code || !strings.Contains(body, c.body) {
			t.Errorf("%s: %s answers %d %q, want %d %q", c.what, c.path, code, body, c.code, c.body)
		}
	}
}

func TestStatusAndItsEnd(t *testing.T) {
	var b Board
	e := running(&b, func(s *jetcapture.Stats) { s.Messages = 7 })
	h := handler(&b, false)
	if _, body, _ := get(t, h, "/status"); !strings.Contains(body, `"version":"1.2.3"`) ||
		!strings.Contains(body, `"health":{"code":0,"text":"ok"}`) || !strings.Contains(body, `"messages":7,`) {
		t.Errorf("status %s", body)
	}
	e.End(errors.New("no such stream"))
	if _, body, _ := get(t, h, "/status"); !strings.Contains(body, `"code":11`) ||
		!strings.Contains(body, "no such stream") || !strings.Contains(body, `"messages":7,`) {
		t.Errorf("status of a capture that has failed: %s", body)
	}
	if b.Healthy(time.Now()) {
		t.Error("a capture that has failed is healthy")
	}
	e.Run(&fake{change: func(*jetcapture.Stats) {}})
	if !b.Healthy(time.Now()) {
		t.Error("a capture that was tried again and runs is not healthy")
	}
}

// TestOnlyWhatIsOffered: nothing else is served, only /flush takes a request that changes something, and profiles must
// be asked for.
func TestOnlyWhatIsOffered(t *testing.T) {
	var b Board
	h := handler(&b, false)
	for _, path := range []string{"/debug/pprof/heap", "/x", "/status/x", "/metrics/"} {
		if code, _, _ := get(t, h, path); code != http.StatusNotFound {
			t.Errorf("%s answers %d", path, code)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/status", http.NoBody))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /status answers %d", w.Code)
	}
	with := handler(&b, true)
	code, body, _ := get(t, with, "/debug/pprof/goroutine?debug=1")
	if code != http.StatusOK || !strings.Contains(body, "goroutine profile") {
		t.Errorf("profile of goroutines: %d %.60s", code, body)
	}
	if code, _, _ := get(t, with, "/debug/pprof/nothing"); code != http.StatusNotFound {
		t.Errorf("a profile that does not exist: %d", code)
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		":9464": "127.0.0.1:9464", "0.0.0.0:9464": "0.0.0.0:9464", "[::1]:1": "[::1]:1", "localhost:9": "localhost:9",
		"9464": "", "host": "", "host:": "", "": "",
	} {
		if got, err := Address(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestPortInUse(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Listen(t.Context(), l.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "is in use by another process: give another port, as in --http=") {
		t.Errorf("got %v", err)
	}
}

// TestSlowClient: a client that does not go on is cut off at the end, and holds up nobody.
func TestSlowClient(t *testing.T) {
	var b Board
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := Serve(l, handler(&b, false), slog.New(slog.DiscardHandler))
	resp, err := http.Get("http://" + l.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if resp, err := http.Get("http://" + l.Addr().String() + "/livez"); err == nil {
		_ = resp.Body.Close()
		t.Error("the server still answers")
	}
}

// TestHeartbeat: the URL is asked while all is well, and only then.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Board
		failing := false
		running(&b, func(s *jetcapture.Stats) {
			if failing {
				s.StoreFailing = s.Began
			}
		})
		if !b.Healthy(time.Now()) {
			t.Error("a capture that keeps up is not healthy")
		}
		if failing = true; b.Healthy(time.Now()) {
			t.Error("a capture without a store is healthy")
		}
	})
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer srv.Close()
	var log strings.Builder
	h := Heartbeat{URL: srv.URL + "/secret", Log: slog.New(slog.NewTextHandler(&log, nil))}
	h.Once(t.Context())
	if asked != 1 || log.String() != "" {
		t.Errorf("asked %d times, log %q", asked, log.String())
	}
	srv.Close()
	if h.Once(t.Context()); !strings.Contains(log.String(), "not accepted") || strings.Contains(log.String(), "secret") {
		t.Errorf("the log says %q", log.String())
	}
	http.DefaultClient.CloseIdleConnections()
	for _, wrong := range []string{"", "host", "ftp://host/", "http:///x"} {
		if CheckHeartbeat(wrong) == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

// TestVerifiedFile: the time of the last success outlives a failure.
func TestVerifiedFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "verify.prom")
	good, later := time.Unix(1_700_000_000, 0), time.Unix(1_700_086_400, 0)
	for _, step := range []struct {
		now      time.Time
		problems int64
		complete bool
		want     []string
	}{
		{good, 0, false, []string{`success_timestamp_seconds{archive="a \"b\""} 0`, "verify_complete"}},
		{good, 0, true, []string{`success_timestamp_seconds{archive="a \"b\""} 1.7e+09`}},
		{later, 3, true, []string{
			`success_timestamp_seconds{archive="a \"b\""} 1.7e+09`, `verify_problems{archive="a \"b\""} 3`,
			`last_run_timestamp_seconds{archive="a \"b\""} 1.7000864e+09`,
		}},
	} {
		if err := WriteVerified(name, `a "b"`, step.now, step.problems, step.complete); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range step.want {
			if !strings.Contains(string(b), want) {
				t.Errorf("no %s in\n%s", want, b)
			}
		}
	}
	if err := WriteFile(filepath.Join(t.TempDir(), "missing", "x.prom"), nil); err == nil {
		t.Error("a file in a folder that is missing is written")
	}
}
