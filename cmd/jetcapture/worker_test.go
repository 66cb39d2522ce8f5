package main

import (
	"strings"
	"testing"
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
