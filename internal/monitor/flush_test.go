package monitor

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
)

// flushable serves a board with a capture ORDERS that counts its flushes, and returns the URL.
func flushable(t *testing.T, flush func(ctx context.Context) error) (b *Board, url string, flushed *atomic.Int32) {
	t.Helper()
	b, flushed = &Board{}, new(atomic.Int32)
	running(b, nil).Run(&fake{
		change: func(s *jetcapture.Stats) { s.StoredSeq = 4711 },
		flush: func(ctx context.Context) error {
			flushed.Add(1)
			return flush(ctx)
		},
		open: []jetcapture.OpenBlock{},
	})
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(Serve(l, handler(b, false), slog.New(slog.DiscardHandler)))
	return b, "http://" + l.Addr().String(), flushed
}

// post sends a request to flush.
func post(t *testing.T, url, host string, header map[string]string) (code int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	r.Host, r.Close = host, true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	if err := resp.Write(&text); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text.String()
}

// TestFlushOverHTTP: a cut is made only for those who mean it.
func TestFlushOverHTTP(t *testing.T) {
	var fails error
	b, url, flushed := flushable(t, func(context.Context) error { return fails })
	mine := map[string]string{flushHeader: "flush"}
	with := func(name, value string) map[string]string {
		return map[string]string{flushHeader: "flush", name: value}
	}
	for _, c := range []struct {
		what, path, host string
		header           map[string]string
		fails            error
		code             int
		says             string
	}{
		{"a program", "ORDERS", "", mine, nil, 200, `"stored_seq":4711`},
		{"the page", "ORDERS", "", with("Sec-Fetch-Site", "same-origin"), nil, 200, ""},
		{"a tunnel", "ORDERS", "localhost:8080", with("Origin", "http://localhost:8080"), nil, 200, ""},
		{"without the header", "ORDERS", "", nil, nil, 403, "curl -X POST"},
		{"another site", "ORDERS", "", with("Sec-Fetch-Site", "cross-site"), nil, 403, "cross-origin"},
		{"another port", "ORDERS", "", with("Sec-Fetch-Site", "same-site"), nil, 403, "cross-origin"},
		{"an old browser", "ORDERS", "", with("Origin", "https://evil.example"), nil, 403, "cross-origin"},
		{"a name that leads here", "ORDERS", "evil.example", with("Sec-Fetch-Site", "same-origin"), nil, 403, "another host"},
		{"an unknown capture", "JOBS", "", mine, nil, 404, "no capture of this name"},
		{"a store that fails", "ORDERS", "", mine, errors.New("disk full"), 503, "disk full"},
		{"an end meanwhile", "ORDERS", "", mine, jetcapture.ErrNotRunning, 409, "does not run"},
		{"no answer", "ORDERS", "", mine, context.DeadlineExceeded, 504, "not stored yet"},
	} {
		before := flushed.Load()
		fails = c.fails
		code, body := post(t, url+"/flush/"+c.path, c.host, c.header)
		made := flushed.Load() - before
		if code != c.code || !strings.Contains(body, c.says) || (made == 1) != (code != 403 && code != 404) {
			t.Errorf("%s: code %d, want %d; %d flushes: %s", c.what, code, c.code, made, body)
		}
	}
	if code, _, _ := get(t, handler(b, false), "/flush/ORDERS"); code != http.StatusMethodNotAllowed {
		t.Errorf("GET answers %d", code)
	}
	b.entries()[0].End(nil)
	if code, body := post(t, url+"/flush/ORDERS", "", mine); code != http.StatusConflict {
		t.Errorf("of a capture that has ended: %d %s", code, body)
	}
}

// TestWaitingFlushes: as many may wait as there is room for, longer than other requests may take, and none is left when
// its client has gone.
func TestWaitingFlushes(t *testing.T) {
	_, url, flushed := flushable(t, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range maxFlushes {
		all.Go(func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/flush/ORDERS", http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set(flushHeader, "flush")
			if resp, err := http.DefaultClient.Do(r); err == nil {
				_ = resp.Body.Close()
				t.Errorf("a flush has ended with %s", resp.Status)
			}
		})
	}
	natstest.Eventually(t, 20*time.Second, "flushes that wait", func() bool { return flushed.Load() == maxFlushes })
	if code, body := post(t, url+"/flush/ORDERS", "", map[string]string{flushHeader: "x"}); code != 429 {
		t.Errorf("one too many: %d %s", code, body)
	}
	cancel()
	all.Wait()
	http.DefaultClient.CloseIdleConnections()
}

// TestFlushInABrowser: the button makes a cut, and a page of another site cannot.
func TestFlushInABrowser(t *testing.T) {
	chromium := browser(t)
	if chromium == "" {
		return
	}
	_, url, flushed := flushable(t, func(context.Context) error { return nil })
	page := openTab(t, chromium, url)
	const click = `new Promise(done => {
  const look = () => {
    const button = document.querySelector(".act button"), text = document.querySelector(".act [role=status]");
    if (text && text.textContent.startsWith("Stored")) return done(text.textContent);
    if (button && !text.textContent) { button.focus(); button.click(); }
    setTimeout(look, 50);
  };
  look();
})`
	if got := page.run(click); !strings.HasPrefix(got, "Stored up to sequence 4,711 in ") || flushed.Load() != 1 {
		t.Errorf("the page says %q after %d flushes", got, flushed.Load())
	}
	got := page.run(`new Promise(done => setTimeout(() => done(document.activeElement.tagName), 1500))`)
	if got != "BUTTON" {
		t.Errorf("the focus is on %s after the page was drawn again", got)
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer elsewhere.Close()
	page.visit(elsewhere.URL)
	for _, options := range []string{
		`{method: "POST", mode: "no-cors"}`, `{method: "POST", headers: {"X-Jetcapture": "x"}}`,
	} {
		page.run(`fetch("` + url + `/flush/ORDERS", ` + options + `).then(() => "sent", e => String(e))`)
	}
	if n := flushed.Load(); n != 1 {
		t.Errorf("another site has made %d flushes", n-1)
	}
}
