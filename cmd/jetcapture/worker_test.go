package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// TestTheCapturesOfAWorkerShareItsLimits: one capture alone has the limits of the worker, too.
func TestTheCapturesOfAWorkerShareItsLimits(t *testing.T) {
	srv, _ := orders(t, `{"id":1}`)
	e := environment{"NATS_URL": srv.URL()}
	path := writeFile(t, "c.yaml", "output: "+t.TempDir()+"\ncaptures:\n  orders: {stream_name: ORDERS}\n")
	for _, args := range [][]string{{"fleet", "init", "--lease", "2s"}, {"fleet", "apply", "-f", path}} {
		if r := e.run(t, args...); r.code != exitDone {
			t.Fatal(r.stderr)
		}
	}
	address := freePort(t)
	e.startWorker(t, "--worker", "a", "--http", address, "--memory-limit", "48MiB", "--spool-limit", "1GiB")
	e.awaitFleet(t, "a", "orders")
	_, metrics := fetch(t, "http://"+address+"/metrics")
	for _, want := range []string{
		`jetcapture_memory_limit_bytes{capture="orders",stream_name="ORDERS"} 5.0331648e+07`,
		`jetcapture_spool_limit_bytes{capture="orders",stream_name="ORDERS"} 1.073741824e+09`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if r := e.run(t, "worker", "--memory-limit", "0"); r.code != exitUsage {
		t.Errorf("no memory: exit code %d, %s", r.code, r.stderr)
	}
}

// TestAWorkerReadsItsFileAgain: at SIGHUP it takes the level of the log, says what it does not take, and goes on.
func TestAWorkerReadsItsFileAgain(t *testing.T) {
	srv := natstest.Start(t)
	e := environment{"NATS_URL": srv.URL()}
	if r := e.run(t, "fleet", "init", "--lease", "2s"); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	shared := "nats_server: " + srv.URL() + "\nworker: w\n"
	file := writeFile(t, "worker.yaml", shared)
	p := start(t, "worker", "--config", file)
	p.await(t, `msg="working for the fleet" worker=w`)
	for _, again := range []struct{ text, says string }{
		{"log_level: debug\nroom: 7\n", "its captures are changed by jetcapture fleet apply\" log_level=DEBUG"},
		{"room: many\n", "the configuration file is refused, everything goes on as it was"},
	} {
		must(t, os.WriteFile(file, []byte(shared+again.text), 0o600))
		p.signal(t, syscall.SIGHUP)
		p.await(t, again.says)
	}
	p.await(t, "change when it is started again\" options=room")
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitDone {
		t.Errorf("stopped: exit code %d\n%s", code, p.stderr.String())
	}
	r := e.run(t, "worker", "--config", writeFile(t, "c.yaml", "captures:\n  a: {}\n"))
	if r.code != exitUsage || !strings.Contains(r.stderr, "jetcapture fleet apply makes them of a file") {
		t.Errorf("captures in the file of a worker: exit code %d, %s", r.code, r.stderr)
	}
}
