package monitor

import (
	"net/http"
	"runtime/pprof"
	"strconv"
	"time"
)

// maxProfile bounds the time of a profile of the processor.
const maxProfile = 2 * time.Minute

// handleProfiles adds the profiles of the Go runtime at the paths where go tool pprof looks for them. Package
// net/http/pprof would bring package html/template, with which the linker keeps every exported method.
func handleProfiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/profile", profileProcessor)
	mux.HandleFunc("GET /debug/pprof/{name}", func(w http.ResponseWriter, r *http.Request) {
		p := pprof.Lookup(r.PathValue("name"))
		if p == nil {
			http.NotFound(w, r)
			return
		}
		debug, _ := strconv.Atoi(r.URL.Query().Get("debug")) // absent: 0, the binary form
		if debug == 0 {
			w.Header().Set("Content-Type", "application/octet-stream")
		}
		_ = p.WriteTo(w, debug) // the client may have gone
	})
}

// profileProcessor profiles the processor for ?seconds=N, 30 if that is not given.
func profileProcessor(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("seconds"))
	if err != nil || n <= 0 {
		n = 30
	}
	d := min(time.Duration(n)*time.Second, maxProfile)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d + writeTimeout)) // else the answer is cut off
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := pprof.StartCPUProfile(w); err != nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	defer pprof.StopCPUProfile()
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}
