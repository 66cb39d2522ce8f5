package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
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

// following is a cat that runs.
type following struct {
	t           *testing.T
	out, stderr page
	cancel      context.CancelFunc
	code        chan int
}

// followCat starts cat of payloads.
func followCat(t *testing.T, folder string, args ...string) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &following{t: t, cancel: cancel, code: make(chan int, 1)}
	go func() {
		f.code <- execute(ctx, append([]string{"jetcapture", "cat", folder, "--format", "payload"}, args...),
			console{&f.out, &f.stderr, func(string) string { return "" }, new(atomic.Bool), nil})
	}()
	t.Cleanup(cancel)
	return f
}

// wants waits until so many bytes are printed.
func (f *following) wants(text string) {
	f.t.Helper()
	natstest.Eventually(f.t, 30*time.Second, "it is printed", func() bool { return len(f.out.String()) >= len(text) })
	if got := f.out.String(); got != text {
		f.t.Fatalf("%q, want %q: %s", got, text, f.stderr.String())
	}
}

// end ends it, or waits for its end with nil.
func (f *following) end(cancel func(), want int, complaint string) {
	f.t.Helper()
	if cancel != nil {
		cancel()
	}
	if got := <-f.code; got != want || !strings.Contains(f.stderr.String(), complaint) {
		f.t.Errorf("exit code %d, want %d and %q: %s", got, want, complaint, f.stderr.String())
	}
}

// Each message comes once, in its order, also those of cuts that are made while the archive is followed.
func TestCatFollowsAnArchive(t *testing.T) {
	srv, _ := orders(t, `{"n":0}`, `{"n":1}`)
	r := &restoring{t: t, nc: srv.Connect()}
	folder := filepath.Join(t.TempDir(), "archive")
	captureOnce(t, srv, folder)
	f := followCat(t, folder, "--follow-archive")
	want := "{\"n\":0}\n{\"n\":1}\n"
	for range 3 {
		f.wants(want)
		r.publish(3)
		captureOnce(t, srv, folder)
		want += "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n"
	}
	f.wants(want)
	f.end(f.cancel, exitDone, "")
	for _, args := range [][]string{
		{"--follow-archive", "--tail", "3"}, {"--follow", "--limit", "3"}, {"--follow", "--key", "a"},
	} {
		if got := (environment{}).run(t, append([]string{"cat", folder}, args...)...); got.code != exitUsage {
			t.Errorf("%q: exit code %d: %s", args, got.code, got.stderr)
		}
	}
}

// Behind the newest cut comes the stream. What it drops before it is read comes from a later cut, and then the stream
// again: all of it once.
func TestCatFollowsTheStream(t *testing.T) {
	srv, _ := orders(t, `{"n":0}`, `{"n":1}`)
	r := &restoring{t: t, nc: srv.Connect()}
	js := natstest.JetStream(t, r.nc)
	stream, err := js.Stream(t.Context(), "ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "archive")
	captureOnce(t, srv, folder)
	r.publish(2)
	three := "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n"
	want := strings.Repeat("{\"n\":0}\n{\"n\":1}\n", 2)
	f := followCat(t, folder, "--follow", "--nats-server", srv.URL())
	f.wants(want)
	r.publish(3)
	f.wants(want + three)
	captureOnce(t, srv, folder) // of what was read from the stream
	r.publish(3)
	f.wants(want + three + three)
	f.end(f.cancel, exitDone, "")

	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(10)); err != nil { // 8 and 9 are nowhere
		t.Fatal(err)
	}
	args := []string{"--follow", "--nats-server", srv.URL(), "--seq", "7..13"}
	f = followCat(t, folder, append(args, "--wait", "1ms")...)
	f.end(nil, exitFailed, "begins at sequence 10, and 7 is the last one that was read: waiting for a cut of "+
		"capture ORDERS that knows of it, for 1ms at most (--wait): start jetcapture run")
	f = followCat(t, folder, args...)
	natstest.Eventually(t, 30*time.Second, "it waits for a cut", func() bool {
		return strings.Contains(f.stderr.String(), "waiting for a cut")
	})
	captureOnce(t, srv, folder)
	r.publish(3)
	f.end(nil, exitDone, "")
	if got, want := f.out.String(), "{\"n\":2}\n{\"n\":2}\n"+three; got != want {
		t.Errorf("%q, want %q: %s", got, want, f.stderr.String())
	}
}

// What the stream has deleted between others is said to be lost, as what a cut calls lost is.
func TestCatSaysWhatTheLivingStreamLacks(t *testing.T) {
	srv, _ := orders(t, `{"n":0}`, `{"n":1}`)
	r := &restoring{t: t, nc: srv.Connect()}
	stream, err := natstest.JetStream(t, r.nc).Stream(t.Context(), "ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	remove := func(seqs ...uint64) {
		for _, seq := range seqs {
			if err := stream.SecureDeleteMsg(t.Context(), seq); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.publish(2)
	remove(3)
	folder := filepath.Join(t.TempDir(), "archive")
	captureOnce(t, srv, folder)
	r.publish(7)        // 5 to 11
	remove(5, 7, 8, 11) // of which the stream ends with one
	want := strings.Repeat("{\"n\":1}\n", 3) + "{\"n\":4}\n{\"n\":5}\n"
	f := followCat(t, folder, "--follow", "--seq", "2..11", "--nats-server", srv.URL())
	f.wants(want)
	f.end(nil, exitDone, "jetcapture: 1 message lost, dropped by the stream before it was stored\n"+
		"jetcapture: 4 messages lost, dropped by the stream before they were read; a later cut may have them\n")
	captureOnce(t, srv, folder)
	f = followCat(t, folder, "--follow", "--seq", "2..11", "--nats-server", srv.URL())
	f.end(nil, exitDone, "jetcapture: 5 messages lost, dropped by the stream before they were stored\n")
	if got := f.out.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A stream that was made again is read behind the cut that knows of it.
func TestCatFollowsAStreamThatIsMadeAgain(t *testing.T) {
	srv, _ := orders(t, `{"n":0}`)
	r := &restoring{t: t, nc: srv.Connect()}
	js := natstest.JetStream(t, r.nc)
	folder := filepath.Join(t.TempDir(), "archive")
	captureOnce(t, srv, folder)
	f := followCat(t, folder, "--follow", "--nats-server", srv.URL())
	f.wants("{\"n\":0}\n")
	if err := js.DeleteStream(t.Context(), "ORDERS"); err != nil {
		t.Fatal(err)
	}
	natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	r.publish(1)
	natstest.Eventually(t, 60*time.Second, "it is noticed", func() bool {
		return strings.Contains(f.stderr.String(), "waiting for a cut")
	})
	captureOnce(t, srv, folder)
	f.wants("{\"n\":0}\n{\"n\":0}\n")
	r.publish(2)
	f.wants("{\"n\":0}\n{\"n\":0}\n{\"n\":0}\n{\"n\":1}\n")
	f.end(f.cancel, exitDone, "waiting for a cut of capture ORDERS that knows of it, for 31m at most (--wait)")
}
