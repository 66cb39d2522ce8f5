package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// page is written to by one goroutine and read by another.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// Each message comes once, in its order, also those of cuts that are made while the archive is followed.
func TestCatFollows(t *testing.T) {
	srv, _ := orders(t, `{"n":0}`, `{"n":1}`)
	r := &restoring{t: t, nc: srv.Connect()}
	folder := filepath.Join(t.TempDir(), "archive")
	captureOnce(t, srv, folder)
	ctx, cancel := context.WithCancel(t.Context())
	var out, stderr page
	code := make(chan int, 1)
	go func() {
		code <- execute(ctx, []string{"jetcapture", "cat", folder, "--follow", "--format", "payload"},
			console{&out, &stderr, func(string) string { return "" }, new(atomic.Bool), nil})
	}()
	want := "{\"n\":0}\n{\"n\":1}\n"
	for round := range 3 {
		natstest.Eventually(t, 20*time.Second, fmt.Sprintf("%d cuts are printed", round+1), func() bool {
			return len(out.String()) >= len(want)
		})
		r.publish(3)
		captureOnce(t, srv, folder)
		want += "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n"
	}
	natstest.Eventually(t, 20*time.Second, "all is printed", func() bool { return len(out.String()) >= len(want) })
	cancel()
	if got := <-code; got != exitDone || out.String() != want || stderr.String() != "" {
		t.Errorf("exit code %d: %q, want %q: %s", got, out.String(), want, stderr.String())
	}
	if got := (environment{}).run(t, "cat", folder, "--follow", "--tail", "3"); got.code != exitUsage ||
		!strings.Contains(got.stderr, "--follow") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}
