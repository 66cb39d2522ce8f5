package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// reloading is a process whose configuration file changes.
type reloading struct {
	*process
	nc     *nats.Conn
	file   string
	folder string
	shared string // what the file begins with
	last   int    // sequence of the last message in each stream
}

// startReloading starts a process with streams A to D and a file, of which captures is the end.
func startReloading(t *testing.T, shared, captures string) *reloading {
	t.Helper()
	srv := natstest.Start(t)
	r := &reloading{nc: srv.Connect(), folder: t.TempDir()}
	for _, name := range []string{"A", "B", "C", "D"} {
		natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: name})
	}
	r.shared = "nats_server: " + srv.URL() + "\noutput: " + r.folder + "\nmax_idle: 50ms\n"
	r.file = writeFile(t, "capture.yaml", r.shared+shared+captures)
	r.process = start(t, "run", "--config", r.file)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(r.stderr.String())
		}
	})
	return r
}

// reload writes the file, and has it read. It returns the log line that says what came of it.
func (r *reloading) reload(t *testing.T, text, says string) (line string) {
	t.Helper()
	before := strings.Count(r.stderr.String(), says)
	if err := os.WriteFile(r.file, []byte(r.shared+text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.signal(t, syscall.SIGHUP)
	natstest.Eventually(t, patience, says, func() bool { return strings.Count(r.stderr.String(), says) > before })
	for l := range strings.SplitSeq(r.stderr.String(), "\n") {
		if strings.Contains(l, says) {
			line = l
		}
	}
	return line
}

// stores publishes a message into each stream and waits until captures of them have stored it.
func (r *reloading) stores(t *testing.T, captures ...string) {
	t.Helper()
	for _, stream := range []string{"a", "b", "c", "d"} {
		natstest.PublishN(t, r.nc, stream+".x", 1)
	}
	r.last++
	for _, name := range captures {
		natstest.Eventually(t, patience, fmt.Sprintf("message %d in a file of %s", r.last, name), func() bool {
			return r.has(t, name)
		})
	}
}

// has reports whether a capture has stored the last message.
func (r *reloading) has(t *testing.T, capture string) bool {
	t.Helper()
	return slices.ContainsFunc(filesBelow(t, r.folder, capture+"-"), func(name string) bool {
		return strings.Contains(name, fmt.Sprintf("-%020d.", r.last))
	})
}

// listenAsSystemd makes the processes of the test tell how they are, and returns what they have said.
func listenAsSystemd(t *testing.T) *lockedBuffer {
	t.Helper()
	path, heard := filepath.Join(t.TempDir(), "notify"), new(lockedBuffer)
	socket, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	var listening sync.WaitGroup
	listening.Go(func() {
		for b := make([]byte, 4096); ; {
			n, _, err := socket.ReadFrom(b)
			if err != nil {
				return
			}
			fmt.Fprintf(heard, "%s\n", b[:n])
		}
	})
	t.Cleanup(func() {
		_ = socket.Close() // that is its end
		listening.Wait()
	})
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "100000")
	return heard
}

// TestReload: of the captures of a file one stays, one changes, one goes and one comes. The level of the log changes;
// other options of the process are named. A file that is not sound changes nothing. systemd hears of it.
func TestReload(t *testing.T) {
	systemd := listenAsSystemd(t)
	r := startReloading(t, "", `captures:
  stays: {stream_name: A}
  changes: {stream_name: B}
  goes: {stream_name: C}
`)
	natstest.Eventually(t, patience, "READY=1", func() bool { return strings.Contains(systemd.String(), "READY=1") })
	r.stores(t, "stays", "changes", "goes")
	line := r.reload(t, `log_level: debug
json: true
captures:
  comes: {stream_name: D}
  changes: {stream_name: B, format: csv, column: [n=seq]}
  stays: {stream_name: A, max_age: 15m}
`, "the configuration file was read again")
	for _, want := range []string{"started=comes ended=goes changed=changes unchanged=1", "log_level=DEBUG"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in\n%s", want, line)
		}
	}
	heard := regexp.MustCompile(`READY=1\n(?s:.*)RELOADING=1\nMONOTONIC_USEC=\d+\n(?s:.*)READY=1\n`)
	natstest.Eventually(t, patience, "RELOADING=1 and READY=1", func() bool { return heard.MatchString(systemd.String()) })
	for _, want := range []string{"capture=changes options=\"column, format\"", "options=json"} {
		if !strings.Contains(r.stderr.String(), want) {
			t.Errorf("no %s in\n%s", want, r.stderr.String())
		}
	}
	r.stores(t, "stays", "changes", "comes")
	if tables := filesBelow(t, r.folder, ".csv.gz"); len(tables) != 1 {
		t.Errorf("the capture that has changed writes the tables %q", tables)
	}
	line = r.reload(t, "max_ages: 1h\nlog_level: loud\ncaptures: {stays: {stream_name: A}}\n", "is refused")
	for _, want := range []string{":4: unknown key max_ages", ":5: log_level", "everything goes on as it was"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in\n%s", want, line)
		}
	}
	r.stores(t, "stays", "changes", "comes")
	if n := strings.Count(r.stderr.String(), `msg="capturing, `); n != 5 {
		t.Errorf("%d starts, want 5: the capture that stays has one", n)
	}
	if r.has(t, "goes") {
		t.Error("the capture that is gone has stored what came later")
	}
	r.signal(t, syscall.SIGTERM)
	if code := r.wait(t); code != exitDone {
		t.Errorf("exit code %d:\n%s", code, r.stderr.String())
	}
	wantSound(t, r.folder)
}

// TestReloadOfTheOnlyCapture: the process lives on while it is started again, and under another name.
func TestReloadOfTheOnlyCapture(t *testing.T) {
	r := startReloading(t, "", "stream_name: A\n")
	r.stores(t, "A")
	r.reload(t, "stream_name: A\nmax_messages: 7\n", "the configuration file was read again")
	r.stores(t, "A")
	r.reload(t, "stream_name: B\n", "the configuration file was read again")
	r.stores(t, "B")
	r.signal(t, syscall.SIGTERM)
	if code := r.wait(t); code != exitDone {
		t.Errorf("exit code %d:\n%s", code, r.stderr.String())
	}
	wantSound(t, r.folder)
}

// TestReloadBesideAPattern: a capture that came takes the place of the one that a pattern has made of its stream,
// whether the pattern changes or not. The other captures of the pattern do not notice.
func TestReloadBesideAPattern(t *testing.T) {
	r := startReloading(t, "captures:\n", "  pattern: {stream_name: '*', exclude_stream: [D]}\n")
	r.stores(t, "A", "B", "C")
	const pattern = "captures:\n  pattern: {stream_name: '*', exclude_stream: "
	for _, step := range []struct {
		text, wants string
		stores      []string
	}{
		{
			"[D]}\n  A: {stream_name: A}\n", `started=A ended="" changed="" unchanged=1 missing=""`,
			[]string{"A", "B", "C"},
		},
		{
			"[B]}\n  A: {stream_name: A}\n  B: {stream_name: B}\n", `started=B ended="" changed="streams of pattern"`,
			[]string{"A", "B", "C", "D"},
		},
		{
			"[X]}\n  A: {stream_name: A}\n  B: {stream_name: B}\n  C: {stream_name: C, format: csv, column: [n=seq]}\n",
			`started=C ended="" changed="streams of pattern" unchanged=2`,
			[]string{"A", "B", "C", "D"},
		},
	} {
		line := r.reload(t, pattern+step.text, "the configuration file was read again")
		if !strings.Contains(line, step.wants) {
			t.Errorf("%s: no %s in\n%s", step.text, step.wants, line)
		}
		r.stores(t, step.stores...)
	}
	if tables := filesBelow(t, r.folder, ".csv.gz"); len(tables) != 1 {
		t.Errorf("the capture that came with a pattern writes the tables %q", tables)
	}
	r.signal(t, syscall.SIGTERM)
	if code := r.wait(t); code != exitDone {
		t.Errorf("exit code %d:\n%s", code, r.stderr.String())
	}
	wantSound(t, r.folder)
}

// TestStatements: what the file says in other words changes nothing.
func TestStatements(t *testing.T) {
	read := func(text string) *settings {
		t.Helper()
		path := writeFile(t, "capture.yaml", "stream_name: A\noutput: x\n"+text)
		file, problems := loadConfig(path, true, environment{}.get, os.ReadFile)
		all, more := file.settings()
		if problems = append(append(problems, more...), all[0].check()...); len(problems) > 0 {
			t.Fatal(problems)
		}
		return all[0]
	}
	plain := read("").state(false)
	for text, want := range map[string]string{
		"max_age: 900s\n":                           "",
		"max_age: 15m\nlog_level: debug\n":          "",
		"max_age: 10m\n":                            "max_age",
		"key: [subject]\n":                          "key",
		"group_by_subject: true\n":                  "group_by_subject key",
		"nats_password: x\nnats_user: y\n":          "nats_password nats_user",
		"filter_subject: [a, b]\nmax_messages: 5\n": "filter_subject max_messages",
	} {
		if got := strings.Join(read(text).state(false).differs(plain), " "); got != want {
			t.Errorf("%q differs in %q, want %q", text, got, want)
		}
	}
}
