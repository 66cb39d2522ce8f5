package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture"
)

const (
	// flushHeader must come with a request that changes something. A page of another site cannot send it unless it asks
	// first, which nobody allows.
	flushHeader  = "X-Jetcapture"
	flushTimeout = 5 * time.Minute
	maxFlushes   = 16 // that wait at the same time; one cut answers all of them
)

// flusher makes cuts at once.
type flusher struct {
	board *Board
	room  chan struct{} // holds one for each that is waiting
}

// newFlusher returns the handler of /flush/CAPTURE. Only this process's own page, and programs that are not browsers,
// can use it.
func newFlusher(b *Board) http.Handler {
	f := &flusher{b, make(chan struct{}, maxFlushes)}
	return http.NewCrossOriginProtection().Handler(f)
}

// ServeHTTP implements http.Handler. It answers when everything is stored that was read before.
func (f *flusher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if text := refused(r); text != "" {
		http.Error(w, text, http.StatusForbidden)
		return
	}
	c := f.board.named(r.PathValue("capture"))
	switch {
	case c == nil:
		http.Error(w, "there is no capture of this name", http.StatusNotFound)
		return
	case c.capture() == nil:
		http.Error(w, "the capture does not run", http.StatusConflict)
		return
	}
	select {
	case f.room <- struct{}{}:
		defer func() { <-f.room }()
		flush(w, r, c.capture())
	default:
		http.Error(w, "too many flushes are waiting", http.StatusTooManyRequests)
	}
}

// flush makes a cut of a capture that runs, or has just ended.
func flush(w http.ResponseWriter, r *http.Request, c Capture) {
	control := http.NewResponseController(w) // the limits of other requests would end this one
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Now().Add(flushTimeout + writeTimeout))
	ctx, cancel := context.WithTimeout(r.Context(), flushTimeout)
	defer cancel()
	began, err := time.Now(), jetcapture.ErrNotRunning
	if c != nil {
		err = c.Flush(ctx)
	}
	switch {
	case errors.Is(err, jetcapture.ErrNotRunning):
		http.Error(w, "the capture does not run", http.StatusConflict)
		return
	case errors.Is(err, context.DeadlineExceeded):
		http.Error(w, "it is not stored yet: the server or the store does not answer", http.StatusGatewayTimeout)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer := struct {
		Stored uint64  `json:"stored_seq"`
		Took   float64 `json:"took_s"`
	}{c.Stats().StoredSeq, time.Since(began).Seconds()}
	_ = json.NewEncoder(w).Encode(answer) // the client may have gone
}

// refused says why a request must not change anything; empty if it may.
func refused(r *http.Request) string {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	switch {
	case r.Header.Get(flushHeader) == "":
		return "the header " + flushHeader + " is missing: curl -X POST -H '" + flushHeader + ": flush' URL"
	case local != nil && isLoopback(local.String()) && !isLoopback(r.Host):
		// A site whose name is made to lead to this machine would be of the same origin.
		return "the request came from this machine for another host: ask 127.0.0.1 or localhost"
	}
	return ""
}

// isLoopback reports whether a host, with a port or without, is this machine.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// named returns the capture of a name, or nil.
func (b *Board) named(name string) *Entry {
	entries := b.entries()
	i := slices.IndexFunc(entries, func(e *Entry) bool { return e.what.Capture == name })
	if i < 0 {
		return nil
	}
	return entries[i]
}
