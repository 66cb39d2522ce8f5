package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/jetcapture/jetcapture/promexport"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Program names the program for metrics and status.
type Program struct {
	Version  string
	Revision string // of the source; empty if it is not known
	Started  time.Time
}

// Registry returns the metrics of the program and its captures.
func Registry(p Program, b *Board) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(promexport.NewDynamic(b.exported), newPublications(b), promexport.BuildInfo(p.Version, p.Revision),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Address completes the address of a listener. A port alone means the loopback interface: what a capture tells is not
// for everybody.
func Address(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || port == "" {
		return "", fmt.Errorf("%q is not an address, write it as in :9464, which only this machine reaches, or 0.0.0.0:9464",
			s)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// Listen opens the port.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another process: give another port, as in --http=:9465", address)
	case err != nil:
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	return l, nil
}

// The limits of the server. Nothing that a client does may take more than that of the capture beside it.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	maxHeader     = 8 << 10 // bytes
	scrapesAtOnce = 4
	closeTimeout  = 2 * time.Second
)

// Serve serves a handler until stop, which waits for its end.
func Serve(l net.Listener, h http.Handler, log *slog.Logger) (stop func()) {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what clients do wrong is theirs to see
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics, probes and status are not served any more", "error", err)
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close() // a client that is too slow is cut off
		}
		<-done
	}
}

// Handler answers /metrics, /livez, /readyz, /startupz, /status, /flush/CAPTURE and /. With pprof, it answers
// /debug/pprof/, too.
func Handler(p Program, b *Board, gatherer prometheus.Gatherer, pprof bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: scrapesAtOnce, Timeout: writeTimeout / 2,
	}))
	for name, look := range map[string]func(all []status.Running, now time.Time) []status.Check{
		"livez": status.Live, "readyz": status.Ready,
		"startupz": func(all []status.Running, _ time.Time) []status.Check { return status.Started(all) },
	} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			probe(w, r, name, look(b.Running(), time.Now()))
		})
	}
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) { answerStatus(w, r, p, b) })
	mux.Handle("POST /flush/{capture}", newFlusher(b))
	mux.Handle("GET /{$}", newPage())
	if pprof {
		handleProfiles(mux)
	}
	return safe(mux)
}

// safe sets the headers that all answers have.
func safe(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

// probe answers a probe: 200 if all checks pass, else 503 with those that fail. With ?verbose it lists all.
func probe(w http.ResponseWriter, r *http.Request, name string, checks []status.Check) {
	var text strings.Builder
	_, verbose := r.URL.Query()["verbose"]
	code := http.StatusOK
	for _, c := range checks {
		switch {
		case c.Fail != "":
			code = http.StatusServiceUnavailable
			fmt.Fprintf(&text, "[-] %s: %s\n", c.Name, c.Fail)
		case verbose:
			fmt.Fprintf(&text, "[+] %s\n", c.Name)
		}
	}
	if code == http.StatusOK {
		fmt.Fprintf(&text, "ok\n")
	} else {
		fmt.Fprintf(&text, "%s failed\n", name)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text.String())) // the client may have gone
}

// Status returns the status of the process.
func Status(ctx context.Context, p Program, b *Board) status.Process {
	now := time.Now()
	s := status.Process{Version: p.Version, Started: p.Started.UTC(), Now: now.UTC(), Captures: []status.Capture{}}
	for _, r := range b.look(ctx) {
		s.Captures = append(s.Captures, r.Of(now))
	}
	if b.Fleet != nil {
		s.Fleet = b.Fleet()
	}
	return s
}

// answerStatus answers /status.
func answerStatus(w http.ResponseWriter, r *http.Request, p Program, b *Board) {
	body, err := json.Marshal(Status(r.Context(), p, b))
	if err != nil { // a number that JSON does not have
		http.Error(w, "the status cannot be written as JSON: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // the client may have gone
}
