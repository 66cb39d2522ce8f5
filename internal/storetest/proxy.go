package storetest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
)

// Fault is what a proxy does to a request.
type Fault int

// The faults. A fault for writing requests counts as None for a reading one, and the reverse.
const (
	None          Fault = iota
	Internal            // answers 500; the server sees nothing
	Unavailable         // answers 503; the server sees nothing
	TooMany             // answers 429; the server sees nothing
	Conflict            // answers S3's 409 ConditionalRequestConflict to a conditional write; the server sees nothing
	LostResponse        // lets a write through and closes the connection instead of answering
	LateWrite           // closes the connection, and lets the write through later
	StallRequest        // reads half of a write, or its first byte, and then nothing more
	StallResponse       // yields half of a response and then nothing more
	Slow                // passes on some KiB a second

	// Faults that only an operator can correct.
	Expired   // answers as S3 does to credentials that have expired; the server sees nothing
	Forbidden // answers 403; the server sees nothing
)

// Faults returns the faults that go away by themselves.
func Faults() []Fault {
	return []Fault{Internal, Unavailable, TooMany, Conflict, LostResponse, LateWrite, StallRequest, StallResponse, Slow}
}

// String returns the name of the fault.
func (f Fault) String() string {
	return [...]string{
		"None", "Internal", "Unavailable", "TooMany", "Conflict", "LostResponse", "LateWrite", "StallRequest",
		"StallResponse", "Slow",
		"Expired", "Forbidden",
	}[f]
}

// AppliesTo reports whether a request can meet the fault.
func (f Fault) AppliesTo(r *http.Request) bool {
	writes := r.Method == http.MethodPut || r.Method == http.MethodPost
	switch f {
	case Conflict:
		return r.Header.Get("If-None-Match") == "*"
	case LostResponse, LateWrite:
		return writes
	case StallRequest:
		return writes && r.ContentLength != 0 // -1: it has a body of a size that is not announced
	case StallResponse:
		return r.Method == http.MethodGet
	}
	return true
}

const (
	// lateBy is how long after its connection was closed a write is let through.
	lateBy = 100 * time.Millisecond
	// slowChunk and slowPause slow down a link to 64 KiB a second.
	slowChunk = 16 << 10
	slowPause = 250 * time.Millisecond
)

// Proxy is an HTTP proxy in front of one server. It injects faults and counts them.
type Proxy struct {
	Address string
	Latency time.Duration                      // added to each request; set before the first one
	Choose  func(n int, r *http.Request) Fault // the fault of request n, from 0 on; one call at a time; nil: none

	forward *httputil.ReverseProxy
	late    sync.WaitGroup
	ended   chan struct{} // closed at the end: a stalled handler does not see its client go

	mu     sync.Mutex
	n      int
	counts map[Fault]int
}

// NewProxy starts a proxy, which ends with the test.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	p := &Proxy{counts: make(map[Fault]int), ended: make(chan struct{})}
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: target})
			r.Out.Host = r.In.Host // signatures cover it
		},
		FlushInterval: -1,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true},
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(p)
	p.Address = server.Listener.Addr().String()
	tb.Cleanup(func() {
		close(p.ended)
		server.CloseClientConnections()
		server.Close()
		p.late.Wait()
		p.forward.Transport.(*http.Transport).CloseIdleConnections()
	})
	return p
}

// Counts returns how many faults of each kind there were.
func (p *Proxy) Counts() map[Fault]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// Requests returns how many requests there were.
func (p *Proxy) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// Settle ends the faults and waits for the late writes.
func (p *Proxy) Settle() {
	p.mu.Lock()
	p.Choose = nil
	p.mu.Unlock()
	p.late.Wait()
}

// next chooses and counts the fault of a request.
func (p *Proxy) next(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	fault := None
	if p.Choose != nil {
		fault = p.Choose(p.n, r)
	}
	p.n++
	if !fault.AppliesTo(r) {
		fault = None
	}
	if fault != None {
		p.counts[fault]++
	}
	return fault
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = retry.Pause(r.Context(), p.Latency)
	switch fault := p.next(r); fault {
	case Internal:
		refuse(w, r, http.StatusInternalServerError, "InternalError")
	case Unavailable:
		refuse(w, r, http.StatusServiceUnavailable, "SlowDown")
	case TooMany:
		refuse(w, r, http.StatusTooManyRequests, "TooManyRequests")
	case Conflict:
		refuse(w, r, http.StatusConflict, "ConditionalRequestConflict")
	case Expired:
		refuse(w, r, http.StatusBadRequest, "ExpiredToken")
	case Forbidden:
		refuse(w, r, http.StatusForbidden, "AuthenticationFailed")
	case LostResponse:
		p.forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case LateWrite:
		p.writeLater(r)
		panic(http.ErrAbortHandler)
	case StallRequest:
		_, _ = io.CopyN(io.Discard, r.Body, max(r.ContentLength, 2)/2) // it fails in any case
		p.stall(r.Context())
	case StallResponse:
		p.forward.ServeHTTP(&stallingWriter{ResponseWriter: w, stall: func() { p.stall(r.Context()) }}, r)
	case Slow:
		r.Body = &slowBody{ReadCloser: r.Body, ctx: r.Context()}
		p.forward.ServeHTTP(&slowWriter{ResponseWriter: w, ctx: r.Context()}, r)
	default:
		p.forward.ServeHTTP(w, r)
	}
}

// stall waits until the client or the proxy has ended, and breaks the connection.
func (p *Proxy) stall(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-p.ended:
	}
	panic(http.ErrAbortHandler)
}

// refuse answers without asking the server, in the form of S3, which the other SDKs accept, too.
func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body) // so that the connection stays usable
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Ms-Error-Code", code)
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>injected</Message></Error>", code)
}

func (p *Proxy) writeLater(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	again := r.Clone(context.WithoutCancel(r.Context()))
	again.Body = newBody(body)
	p.late.Go(func() {
		_ = retry.Pause(again.Context(), lateBy)
		defer func() { _ = recover() }() // the proxy's way to say that the server did not answer
		p.forward.ServeHTTP(httptest.NewRecorder(), again)
	})
}
