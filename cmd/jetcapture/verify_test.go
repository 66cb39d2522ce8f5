package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// filesBelow returns the files of an archive whose paths contain part.
func filesBelow(t *testing.T, folder, part string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if name, _ := filepath.Rel(folder, path); err == nil && !d.IsDir() && strings.Contains(name, part) {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestVerify(t *testing.T) {
	folder, srv := ordersArchive(t)
	r := environment{}.run(t, "verify", folder)
	if r.code != exitDone || r.stderr != "" || !strings.Contains(r.stdout, "2 captures, 4 cuts, 12 files") ||
		!strings.Contains(r.stdout, "no problem, 0 notes") {
		t.Fatalf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	r = environment{}.run(t, "verify", "--against-stream", folder, "--nats-server", srv.URL(), "--json")
	summary := objectsOf(t, r)
	got := facts(summary, "type", "ok", "compared", "not_compared", "problems")
	if r.code != exitDone || got != "summary true 12 0 0\n" {
		t.Fatalf("exit code %d: %s%s", r.code, got, r.stderr)
	}

	// One file is deleted, a byte changed in another, one is added; the newest done record goes, too.
	deleted, changed := filesBelow(t, folder, "n=3/")[0], filesBelow(t, folder, "n=5/")[0]
	remove(t, folder, deleted)
	remove(t, folder, "_jetcapture/payloads/log/00000000000000000002.done.json")
	flipByte(t, filepath.Join(folder, changed))
	if err := os.WriteFile(filepath.Join(folder, "n=5", "extra.gz"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = environment{}.run(t, "verify", folder)
	if r.code != exitFailed || !strings.Contains(r.stderr, "is not as it should be: 3 problems") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	for _, want := range []string{
		"problem: " + deleted + ": missing, cut 2 of capture ORDERS, stream sequences 3: expected a file of ",
		"problem: " + changed + ": damaged, cut 2 of capture ORDERS, stream sequences 5: expected ",
		"problem: n=5/extra.gz: unplanned: expected a plan that names it, found none: ",
		"note: _jetcapture/payloads/log/00000000000000000002.done.json: pending, cut 2 of capture payloads, stream " +
			"sequences 1-6: ",
		"a cut still to be finished, with 6 of its 6 files there",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
	r = environment{}.run(t, "verify", folder, "--json")
	want := fmt.Sprintf("problem missing %s [[3 3]]\nproblem damaged %s [[5 5]]\nnote pending %s [[1 6]]\nproblem "+
		"unplanned %s <nil>\nsummary <nil> <nil> <nil>\n",
		deleted, changed, "_jetcapture/payloads/log/00000000000000000002.done.json", "n=5/extra.gz")
	if got := facts(objectsOf(t, r), "type", "kind", "object", "seqs"); r.code != exitFailed || got != want {
		t.Errorf("exit code %d: got\n%swant\n%s", r.code, got, want)
	}
	if r := (environment{}).run(t, "verify", folder, "--capture", "payloads"); r.code != exitDone {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	r = environment{}.run(t, "verify", folder, "--quick")
	if r.code != exitFailed || !strings.Contains(r.stderr, "2 problems") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

func remove(t *testing.T, folder, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(folder, name)); err != nil {
		t.Fatal(err)
	}
}

// flipByte changes a byte in the middle of a file.
func flipByte(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0x40
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyAgainstStream compares everything that the command writes with streams of hostile messages.
func TestVerifyAgainstStream(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS"})
	publishHostile(t, srv, nc)
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--capture", "whole", "--key", "subject")
	captureOnce(t, srv, folder, "--capture", "payloads", "--record", "payload", "--compression", "snappy")
	captureOnce(t, srv, folder, "--capture", "some", "--filter-subject", "orders.*.b", "--filter-subject", "orders.raw")
	captureOnce(t, srv, folder, "--capture", "table", "--format", "csv", "--column", "x=json:x")
	verify := func(capture string) map[string]any {
		t.Helper()
		r := environment{"NATS_URL": srv.URL()}.run(t, "verify", folder, "--against-stream", "--json", "--capture", capture)
		objects := objectsOf(t, r)
		if r.code != exitDone || len(objects) != 1 {
			t.Fatalf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
		}
		return objects[0]
	}
	for capture, want := range map[string]string{"whole": "307 0", "payloads": "307 0", "some": "102 0"} {
		if got := strings.TrimSpace(facts([]map[string]any{verify(capture)}, "compared", "not_compared")); got != want {
			t.Errorf("capture %s: compared %s, want %s", capture, got, want)
		}
	}
	if o := verify("table"); o["compared"].(float64)+o["not_compared"].(float64) != 307 ||
		o["not_compared"].(float64) < 300 {
		t.Errorf("table: %v", o)
	}
	js := natstest.JetStream(t, nc)
	if countConsumers(t, js, "ORDERS") != 0 {
		t.Error("a consumer was left behind")
	}
	if err := js.DeleteStream(t.Context(), "ORDERS"); err != nil {
		t.Fatal(err)
	}
	r := environment{}.run(t, "verify", folder, "--against-stream", "--nats-server", srv.URL(), "--capture", "whole")
	if r.code != exitDone || !strings.Contains(r.stdout, "note: _jetcapture/whole/format.json: unchecked") ||
		!strings.Contains(r.stdout, "does not exist") {
		t.Errorf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// publishHostile fills the stream ORDERS with 307 messages.
func publishHostile(t *testing.T, srv *natstest.Server, nc *nats.Conn) {
	t.Helper()
	odd := []*nats.Msg{
		{Subject: "orders.1.a", Data: []byte("{\n  \"many\": \"lines\"\n}")},
		{Subject: "orders.1.b", Data: []byte(`{"html":"<&>"}`), Header: nats.Header{"a": {"x", "y"}, "A": {"z"}}},
		{Subject: "orders.1.\xff", Data: []byte(`{"not":"UTF-8"}`), Header: nats.Header{"b": {"\xfe"}}},
		{Subject: "orders.1.c", Data: []byte("no JSON\r\nof two lines")},
		{Subject: "orders.1.d", Data: bytes.Repeat([]byte("long "), 100_000)},
		{Subject: "orders.1.e"},
	}
	natstest.Publish(t, nc, len(odd), func(i int) *nats.Msg { return odd[i] })
	natstest.PublishRaw(t, srv.Addr(), "orders.raw", "NATS/1.0\r\nno colon\r\n\r\n", []byte(`{"header":"bad"}`))
	natstest.Publish(t, nc, 300, func(i int) *nats.Msg {
		return &nats.Msg{Subject: fmt.Sprintf("orders.%d.%c", i%5, 'a'+i%3), Data: fmt.Appendf(nil, `{"x":%d}`, i)}
	})
}

func countConsumers(t *testing.T, js jetstream.JetStream, stream string) int {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Consumers
}

// TestVerifyAgainstOtherRetention asks a stream in which a consumer of ours would keep or delete messages.
func TestVerifyAgainstOtherRetention(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS", Retention: jetstream.InterestPolicy})
	js := natstest.JetStream(t, nc)
	// Somebody else's consumer keeps the messages in the stream after they were captured.
	for _, name := range []string{"archive", "slow"} {
		_, err := js.CreateConsumer(t.Context(), "ORDERS", jetstream.ConsumerConfig{
			Durable: name, AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1, AckWait: time.Hour, MaxAckPending: 1_000_000,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	publishHostile(t, srv, nc)
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--consumer-name", "archive")
	r := environment{}.run(t, "verify", folder, "--against-stream", "--nats-server", srv.URL(), "--json")
	// One subject is not UTF-8: the API cannot say it.
	if got := facts(objectsOf(t, r), "type", "ok", "compared"); r.code != exitDone || got != "summary true 306\n" {
		t.Errorf("exit code %d: %s%s%s", r.code, got, r.stdout, r.stderr)
	}
	if n := countConsumers(t, js, "ORDERS"); n != 2 {
		t.Errorf("%d consumers, want 2", n)
	}
}

func TestVerifyUsage(t *testing.T) {
	other := t.TempDir() // a folder of something else
	if err := os.WriteFile(filepath.Join(other, "a.txt"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"verify"}, exitUsage, "an archive is required"},
		{[]string{"verify", "a", "--nats-server", "x"}, exitUsage, "--nats-server: is for --against-stream only"},
		{
			[]string{"verify", "a", "--against-stream", "--nats-tls-cert", "x"},
			exitUsage,
			"--nats-tls-cert: needs --nats-tls-key",
		},
		{[]string{"verify", "a", "--fast"}, exitUsage, "unknown flag --fast"},
		{[]string{"verify", "ftp://a"}, exitUsage, "ftp:// is not a store"},
		{[]string{"verify", "missing"}, exitFailed, "there is no folder missing"},
		{[]string{"verify", other}, exitFailed, "holds no capture: is it the place that --output of jetcapture run names?"},
		{[]string{"verify", other, "--json"}, exitFailed, "holds no capture"},
	} {
		r := environment{}.run(t, tt.args...)
		if r.code != tt.code || !strings.Contains(r.stderr, tt.want) || r.stdout != "" {
			t.Errorf("%v: exit code %d: %s%s", tt.args, r.code, r.stdout, r.stderr)
		}
	}
	folder, srv := ordersArchive(t)
	srv.Stop()
	r := environment{}.run(t, "verify", folder, "--against-stream", "--nats-server", srv.URL())
	if r.code != exitFailed || !strings.Contains(r.stderr, "is the server running there") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

// TestVerifyProgress shows the line on a terminal, now and then, and takes it away for a finding.
func TestVerifyProgress(t *testing.T) {
	var terminal, out bytes.Buffer
	now := time.Unix(1000, 0)
	v := &verdict{
		ticker: &ticker{
			screen: &screen{terminal: true, w: &terminal, width: func() int { return 200 }}, last: now,
			now: func() time.Time { return now },
		},
		out: &out,
	}
	v.progress(archive.Progress{Capture: "ORDERS", Cut: 1, Last: 2000})
	if terminal.Len() > 0 {
		t.Errorf("shown too early: %q", terminal.String())
	}
	now = now.Add(2 * time.Second)
	v.progress(archive.Progress{
		Capture: "ORDERS", Cut: 1500, Last: 2000, Files: 9000, Bytes: 8 << 20, Compared: 5,
		Problems: 1,
	})
	if want := clearLine + "capture ORDERS: cut 1,500 of 2,000, 9,000 files, 8.0 MiB (4.0 MiB/s), 5 messages " +
		"compared, 1 problem"; terminal.String() != want {
		t.Errorf("got %q, want %q", terminal.String(), want)
	}
	v.progress(archive.Progress{Capture: "ORDERS", Cut: 1501, Last: 2000})
	terminal.Reset()
	v.found(archive.Finding{Severity: archive.Note, Kind: archive.Stray, Object: "x", Expected: "y", Found: "z"})
	if terminal.String() != clearLine || out.String() != "note: x: stray: expected y, found z\n" {
		t.Errorf("got %q and %q", terminal.String(), out.String())
	}
}
