package main

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

func TestAStandbyTakesOver(t *testing.T) {
	srv, nc := orders(t, `{"id":1}`)
	folder := t.TempDir()
	e := environment{"NATS_URL": srv.URL()}
	args := []string{"run", "-s", "ORDERS", "-o", folder, "--standby", "2s", "--max-age", "1s"}
	rows := func() (n int) {
		for _, lines := range rowsBelow(t, folder) {
			n += len(lines)
		}
		return n
	}
	stopA := e.start(t, args...)
	natstest.Eventually(t, patience, "first message in a file", func() bool { return rows() == 1 })
	address := freePort(t)
	b, stopB := e.startLogged(t, append(args, "--http", address)...)
	natstest.Eventually(t, patience, "one that says that it stands by", func() bool {
		return strings.Contains(b.String(), "standing by")
	})
	for path, want := range map[string]string{
		"/status": `"state":"standby"`, "/metrics": "jetcapture_fleet_standby 1\n", "/readyz": "ok",
	} {
		natstest.Eventually(t, patience, path+" that has "+want, func() bool {
			code, body := fetch(t, "http://"+address+path)
			return code == http.StatusOK && strings.Contains(body, want)
		})
	}
	natstest.Eventually(t, patience, "top that shows who has the capture", func() bool {
		r := e.run(t, "top", address, "--once")
		return r.code == exitDone && regexp.MustCompile(`ORDERS .*reading`).MatchString(r.stdout)
	})
	if r := stopA(); r.code != exitDone {
		t.Errorf("the first: exit code %d, %s", r.code, r.stderr)
	}
	natstest.PublishN(t, nc, "orders.x", 2)
	natstest.Eventually(t, patience, "all messages in files", func() bool { return rows() == 3 })
	r := stopB()
	if r.code != exitDone || !strings.Contains(r.stderr, "took a task") {
		t.Errorf("the second: exit code %d, %s", r.code, r.stderr)
	}
	if r := e.run(t, "run", "-s", "ORDERS", "-o", folder, "--standby", "2s", "--once"); r.code != exitUsage {
		t.Errorf("with --once: exit code %d, %s", r.code, r.stderr)
	}
}

// TestAStandbyReadsItsFileAgain: at SIGHUP it takes the level of the log, says what it does not take, and goes on.
func TestAStandbyReadsItsFileAgain(t *testing.T) {
	srv, _ := orders(t, `{"id":1}`)
	shared := "nats_server: " + srv.URL() + "\noutput: " + t.TempDir() + "\nstandby: 2s\nstream_name: ORDERS\n"
	file := writeFile(t, "capture.yaml", shared)
	p := start(t, "run", "--config", file)
	p.await(t, "took a task")
	for _, again := range []struct{ text, says string }{
		{"log_level: debug\n", "the configuration file was read again\" log_level=DEBUG"},
		{"max_age: many\n", "the configuration file is refused, everything goes on as it was"},
		{"on_failure: end\nmax_age: 1m\n", "the captures of the file have changed"},
	} {
		must(t, os.WriteFile(file, []byte(shared+again.text), 0o600))
		p.signal(t, syscall.SIGHUP)
		p.await(t, again.says)
		if again.text == "log_level: debug\n" && strings.Contains(p.stderr.String(), "change when it is started again") {
			t.Errorf("it says that more has changed:\n%s", p.stderr.String())
		}
	}
	p.await(t, "change when it is started again\" options=on_failure")
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitDone {
		t.Errorf("stopped: exit code %d\n%s", code, p.stderr.String())
	}
}
