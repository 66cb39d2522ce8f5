package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// newSource captures 60 messages of ORDERS, some of which are no JSON, in files of at most 7.
func newSource(t *testing.T) (srv *natstest.Server, folder string) {
	t.Helper()
	srv = natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	natstest.Publish(t, nc, 60, func(i int) *nats.Msg {
		m := &nats.Msg{Subject: fmt.Sprintf("orders.%d", i%3), Data: fmt.Appendf(nil, `{"n":%d}`, i)}
		if i%20 == 5 {
			m.Data = []byte("no JSON")
		}
		if i%4 == 0 {
			m.Header = nats.Header{"Trace": {fmt.Sprint(i)}}
		}
		return m
	})
	folder = filepath.Join(t.TempDir(), "source")
	captureOnce(t, srv, folder, "--key", "subject[2]", "--max-messages", "7")
	return srv, folder
}

// TestConvertFormats: an archive becomes one of each format, which is sound and lacks nothing. A second run finds
// nothing to do.
func TestConvertFormats(t *testing.T) {
	srv, source := newSource(t)
	for _, form := range [][]string{
		{"--format", "raw"},
		{"--format", "ndjson", "--record", "event"},
		{"--format", "parquet"},
		{"--format", "avro"},
		{"--format", "csv", "--column", "n=json:n", "--column", "subject=subject"},
		{"--record", "payload", "--key", "subject"},
	} {
		t.Run(strings.Join(form, " "), func(t *testing.T) {
			place := filepath.Join(t.TempDir(), "copy")
			args := append([]string{"convert", source, place, "--once", "--max-age", "24h"}, form...)
			for _, want := range []string{"60 messages", "0 messages"} {
				if out := (environment{}).run(t, args...); out.code != exitDone || !strings.Contains(out.stderr, want) {
					t.Fatalf("convert = %d, want %q:\n%s", out.code, want, out.stderr)
				}
			}
			for _, against := range [][]string{{"--against", source}, {"--against-stream", "--nats-server", srv.URL()}} {
				out := environment{}.run(t, append([]string{"verify", place}, against...)...)
				if out.code != exitDone {
					t.Errorf("verify %v = %d:\n%s%s", against, out.code, out.stdout, out.stderr)
				}
			}
		})
	}
}

// TestConvertColumnarSources: Parquet and Avro of whole messages become raw files, which lack nothing.
func TestConvertColumnarSources(t *testing.T) {
	_, ndjson := newSource(t)
	for _, format := range []string{"parquet", "avro"} {
		source, place := filepath.Join(t.TempDir(), format), filepath.Join(t.TempDir(), "copy")
		readingRun(t, "convert", ndjson, source, "--once", "--format", format, "--key", "subject[2]")
		readingRun(t, "convert", source, place, "--once", "--format", "raw")
		readingRun(t, "verify", place, "--against", source)
		for _, whole := range []string{ndjson, source} {
			if out := (environment{}).run(t, "diff", place, whole); out.code != exitDone ||
				!strings.Contains(out.stderr, "60 messages equal") {
				t.Errorf("diff with %s = %d:\n%s%s", whole, out.code, out.stdout, out.stderr)
			}
		}
	}
}

func TestConvertOfRoundedTimes(t *testing.T) {
	r := newRestoring(t)
	r.captureRounded()
	args := []string{"convert", r.folder, filepath.Join(t.TempDir(), "copy"), "--once"}
	if out := (environment{}).run(t, args...); out.code != exitFailed ||
		!strings.Contains(out.stderr, "--allow-rounded-times") {
		t.Errorf("convert = %d:\n%s", out.code, out.stderr)
	}
	readingRun(t, append(args, "--allow-rounded-times")...)
	if got := readingRun(t, "cat", args[2], "--limit", "1"); !strings.Contains(got, `"stream_seq":1}`) {
		t.Errorf("cat prints %s", got)
	}
}

// TestVerifyAgainstNotices: what a copy lacks shows, and so does a source that has gone on.
func TestVerifyAgainstNotices(t *testing.T) {
	_, source := newSource(t)
	place := filepath.Join(t.TempDir(), "copy")
	out := environment{}.run(t, "convert", source, place, "--once", "--filter-subject", "orders.1")
	if out.code != exitDone {
		t.Fatalf("convert = %d:\n%s", out.code, out.stderr)
	}
	out = environment{}.run(t, "verify", place, "--against", source)
	if out.code != exitDone || !strings.Contains(out.stdout+out.stderr, "20") {
		t.Errorf("verify = %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
	out = environment{}.run(t, "verify", source, "--against", place) // which lacks two thirds, but nothing that is wrong
	if out.code != exitDone {
		t.Errorf("verify = %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
}

// TestVerifyOfACopyThatBeginsLater: no later cut brings what it lacks, so that is no mere note.
func TestVerifyOfACopyThatBeginsLater(t *testing.T) {
	srv, source := newSource(t)
	place := filepath.Join(t.TempDir(), "copy")
	captureOnce(t, srv, place, "--start", "21")
	out := environment{}.run(t, "verify", place, "--against", source)
	if out.code != exitFailed || !strings.Contains(out.stdout, "stream sequences 1-20: ") ||
		!strings.Contains(out.stdout, "compared with "+source+": 40 messages") {
		t.Errorf("verify = %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
	if out := (environment{}).run(t, "verify", source, "--against", place); out.code != exitDone {
		t.Errorf("verify of what has more = %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
}

// TestVerifyOfAnEmptyCopy: a copy without a message proves nothing about its source.
func TestVerifyOfAnEmptyCopy(t *testing.T) {
	_, source := newSource(t)
	place := filepath.Join(t.TempDir(), "copy")
	readingRun(t, "convert", source, place, "--once", "--filter-subject", "nobody")
	out := environment{}.run(t, "verify", place, "--against", source)
	if out.code != exitFailed || !strings.Contains(out.stderr, "nothing was compared") {
		t.Errorf("verify = %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
}

// TestConvertLeavesOut: a subject is left out for good, and its messages count as skipped.
func TestConvertLeavesOut(t *testing.T) {
	_, source := newSource(t)
	place := filepath.Join(t.TempDir(), "copy")
	out := environment{}.run(t, "convert", source, place, "--once", "--leave-out", "*.2", "--json")
	if out.code != exitDone || !strings.Contains(out.stdout, `"skipped":20`) {
		t.Errorf("convert = %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
	if out := readingRun(t, "cat", place, "--subject", "orders.2"); out != "" {
		t.Errorf("cat prints %s", out)
	}
}

func TestConvertWrongUsage(t *testing.T) {
	for _, args := range [][]string{
		{"convert"},
		{"convert", "a"},
		{"convert", "a", "b", "c"},
		{"convert", "a", "b", "--start", "new"},
		{"convert", "a", "b", "--format", "nothing"},
		{"convert", "a", "ftp://b"},
	} {
		if out := (environment{}).run(t, args...); out.code != exitUsage {
			t.Errorf("%v = %d, want %d:\n%s", args, out.code, exitUsage, out.stderr)
		}
	}
	out := environment{}.run(t, "convert", t.TempDir(), t.TempDir(), "--once")
	if out.code != exitFailed || !strings.Contains(out.stderr, "holds no capture") {
		t.Errorf("convert of an empty folder = %d:\n%s", out.code, out.stderr)
	}
}

// TestVerifyOfACopyAfterARestore: the life that begins then has nothing yet, so the copy lacks nothing of it.
func TestVerifyOfACopyAfterARestore(t *testing.T) {
	r := newRestoring(t)
	place := filepath.Join(t.TempDir(), "copy")
	run := func(want string, args ...string) {
		t.Helper()
		wantReplay(t, environment{}.run(t, args...), exitDone, want)
	}
	capture := func() { captureOnce(t, r.srv, r.folder, "--key", "subject[2]") }
	run("50 messages", "convert", r.folder, place, "--once")
	if err := r.js.DeleteStream(t.Context(), "ORDERS"); err != nil {
		t.Fatal(err)
	}
	wantReplay(t, r.run("--stream-name", "ORDERS"), exitDone, "stream ORDERS has 50 messages")
	against := []string{"verify", r.folder, "--against-stream", "--nats-server", r.srv.URL()}
	run("another one, created at", against...)
	run("if it was restored, the capture finds out", against...)
	capture()
	run("no problem, 0 notes", against...)
	run("no problem, 0 notes", "verify", place, "--against", r.folder)
	r.publish(5)
	capture()
	run("the other archive goes on up to 55 of incarnation", "verify", place, "--against", r.folder)
	run("5 messages", "convert", r.folder, place, "--once")
	run("no problem, 0 notes", "verify", place, "--against", r.folder)
	capture()
	run("no problem, 0 notes", "verify", place, "--against", r.folder)
}

// TestVerifyOfACopyThatHasMore: what its source does not hold is a problem, also behind all that this holds.
func TestVerifyOfACopyThatHasMore(t *testing.T) {
	r := newRestoring(t)
	other, place := filepath.Join(t.TempDir(), "other"), filepath.Join(t.TempDir(), "copy")
	stream, err := r.js.Stream(t.Context(), "ORDERS")
	if err == nil {
		captureOnce(t, r.srv, r.folder, "--key", "subject[2]")
		err = stream.DeleteMsg(t.Context(), 7)
	}
	if err != nil {
		t.Fatal(err)
	}
	captureOnce(t, r.srv, other)
	r.publish(5)
	captureOnce(t, r.srv, r.folder, "--key", "subject[2]")
	readingRun(t, "convert", r.folder, place, "--once")
	readingRun(t, "verify", place, "--against", r.folder)
	out := environment{}.run(t, "verify", place, "--against", other)
	if out.code != exitFailed || !strings.Contains(out.stdout, "stream sequences 7") ||
		!strings.Contains(out.stdout, "51-55: ") {
		t.Errorf("verify = %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
}
