package cloud

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// stallLimit is long for a machine that is not asleep, and short for a test.
const stallLimit = 300 * time.Millisecond

func guardedClient() *http.Client {
	return &http.Client{Transport: &stallGuard{limit: stallLimit, do: http.DefaultTransport.RoundTrip}}
}

func do(ctx context.Context, t *testing.T, server *httptest.Server, body io.Reader) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := guardedClient().Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return string(data), err
}

// trickle yields a byte at a time, each well within the limit, all of them not.
type trickle struct{ left int }

func (r *trickle) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	<-time.After(stallLimit / 6)
	r.left--
	p[0] = 'x'
	return 1, nil
}

func TestStallGuardLetsSlowOnesGo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		for range n {
			<-time.After(stallLimit / 6)
			_, _ = io.WriteString(w, "y")
			_ = http.NewResponseController(w).Flush()
		}
	}))
	defer server.Close()
	got, err := do(t.Context(), t, server, &trickle{12})
	if err != nil || got != strings.Repeat("y", 12) {
		t.Errorf("got %q, %v, want all of it", got, err)
	}
}

func TestStallGuardEndsAttempts(t *testing.T) {
	release := make(chan struct{})
	for name, handler := range map[string]http.HandlerFunc{
		"no response": func(http.ResponseWriter, *http.Request) { <-release },
		"half a response": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			<-release
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			defer func() { release <- struct{}{} }()
			_, err := do(t.Context(), t, server, strings.NewReader("body"))
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() || errors.Is(err, context.Canceled) {
				t.Errorf("error is %v, want a timeout", err)
			}
		})
	}
}

func TestStallGuardPassesTheEndOfTheContext(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(stallLimit/10, cancel)
	if _, err := do(ctx, t, server, strings.NewReader("body")); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want the context's", err)
	}
}
