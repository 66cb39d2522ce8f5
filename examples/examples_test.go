// Package examples builds every example and runs it against a server in this process.
package examples_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// limit is how long an example may run.
const limit = 60 * time.Second

// regions are the regions of the orders. The last one tries to leave the folder.
var regions = []string{"north", "south", "east", "../west"}

func TestExamples(t *testing.T) {
	bin := build(t)
	runs := map[string]func(t *testing.T, e *example){
		"basic":       testBasic,
		"csv":         testCSV,
		"deadletters": testDeadLetters,
		"hooks":       testHooks,
	}
	for _, name := range programs(t) {
		t.Run(name, func(t *testing.T) {
			test, ok := runs[name]
			if !ok {
				t.Fatalf("no test runs examples/%s", name)
			}
			server := natstest.Start(t)
			nc := server.Connect()
			natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS"})
			test(t, &example{bin: filepath.Join(bin, name), server: server.URL(), nc: nc, dir: t.TempDir()})
		})
	}
}

// programs returns the names of the examples, without those that have a test of their own.
func programs(t *testing.T) (names []string) {
	t.Helper()
	mains, err := filepath.Glob("*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mains {
		name := filepath.Dir(m)
		tests, err := filepath.Glob(filepath.Join(name, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if len(tests) == 0 {
			names = append(names, name)
		}
	}
	return names
}

// build compiles all examples and returns the directory with the binaries.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	args := []string{"build", "-o", bin}
	for _, name := range programs(t) {
		args = append(args, "./"+name)
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("build the examples: %v\n%s", err, out)
	}
	return bin
}

// example is a compiled example with its server and its output.
type example struct {
	bin, server string
	nc          *nats.Conn
	dir         string // the output is below it
}

// run runs the example to its end and returns its standard output.
func (e *example) run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, e.bin, append([]string{"-once", "-server", e.server, "-stream", "ORDERS"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(e.bin), err, &stderr)
	}
	return stdout.String()
}

// path returns a path below the output.
func (e *example) path(elem ...string) string {
	return filepath.Join(append([]string{e.dir}, elem...)...)
}

type order struct {
	ID     int     `json:"id"`
	Region string  `json:"region"`
	Total  float64 `json:"total"`
}

// orders returns the orders with the numbers first to last.
func orders(first, last int) map[int]order {
	all := map[int]order{}
	for id := first; id <= last; id++ {
		all[id] = order{ID: id, Region: regions[id%len(regions)], Total: float64(id) / 4}
	}
	return all
}

// publish stores orders, in the order of their numbers.
func (e *example) publish(t *testing.T, all map[int]order) {
	t.Helper()
	ids := slices.Sorted(maps.Keys(all))
	natstest.Publish(t, e.nc, len(ids), func(i int) *nats.Msg {
		data, err := json.Marshal(all[ids[i]])
		if err != nil {
			t.Fatal(err)
		}
		return &nats.Msg{Subject: "orders." + strconv.Itoa(ids[i]%3), Data: data}
	})
}

// publishText stores one message.
func (e *example) publishText(t *testing.T, text string) {
	t.Helper()
	natstest.Publish(t, e.nc, 1, func(int) *nats.Msg { return &nats.Msg{Subject: "orders.x", Data: []byte(text)} })
}

// files returns the content of the files below root whose names end in suffix, by their path below root. It leaves out
// directories that begin with "_".
func files(t *testing.T, root, suffix string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && strings.HasPrefix(d.Name(), "_") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, suffix) {
			return nil
		}
		content, err := unpack(path)
		found[strings.TrimPrefix(path, root+"/")] = content
		return err
	})
	if err != nil {
		t.Fatalf("read the files below %s: %v", root, err)
	}
	if len(found) == 0 {
		t.Fatalf("no *%s below %s", suffix, root)
	}
	return found
}

func unpack(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in io.Reader = f
	switch filepath.Ext(path) {
	case ".gz":
		in, err = gzip.NewReader(f)
	case ".zst":
		in, err = zstd.NewReader(f)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(in)
}

// lines decodes JSON lines.
func lines[T any](t *testing.T, content []byte) (all []T) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(content))
	for d.More() {
		var v T
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v in %q", err, content)
		}
		all = append(all, v)
	}
	return all
}

// gather adds an order that was found in a folder. It fails the test if the order was there already.
func gather(t *testing.T, got map[int]order, o order, path string) {
	t.Helper()
	if folder, _, _ := strings.Cut(path, "/"); folder != jetcapture.EscapePath(o.Region) {
		t.Errorf("order %d of region %q is in %s", o.ID, o.Region, path)
	}
	if _, twice := got[o.ID]; twice {
		t.Errorf("order %d is there twice", o.ID)
	}
	got[o.ID] = o
}

func compare(t *testing.T, got, want map[int]order) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%d orders were captured, want %d: %v", len(got), len(want), got)
	}
}

func testBasic(t *testing.T, e *example) {
	e.publish(t, orders(1, 200))
	e.publishText(t, "{not JSON")
	e.run(t, "-output", e.dir)
	e.publish(t, orders(201, 300))
	e.run(t, "-output", e.dir) // goes on after the first

	got := map[int]order{}
	for path, content := range files(t, e.dir, ".ndjson.gz") {
		for _, o := range lines[order](t, content) {
			gather(t, got, o, path)
		}
	}
	compare(t, got, orders(1, 300))
	for path, content := range files(t, e.path("_deadletter"), ".ndjson.gz") {
		letters := lines[jetcapture.DeadLetter](t, content)
		if len(letters) != 1 || string(letters[0].Data) != "{not JSON" || letters[0].Seq != 201 {
			t.Errorf("dead letters in %s: %+v", path, letters)
		}
	}
}

func testCSV(t *testing.T, e *example) {
	e.publish(t, orders(1, 100))
	e.run(t, "-output", e.dir)
	e.publish(t, orders(101, 150))
	e.run(t, "-output", e.dir)

	got := map[int]order{}
	for path, content := range files(t, e.dir, ".csv.gz") {
		rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if want := []string{"id", "region", "total"}; !slices.Equal(rows[0], want) {
			t.Errorf("%s: header %q, want %q", path, rows[0], want)
		}
		for _, row := range rows[1:] {
			var o order
			if _, err := fmt.Sscan(row[0]+" "+row[2], &o.ID, &o.Total); err != nil {
				t.Fatalf("%s: row %q: %v", path, row, err)
			}
			o.Region = row[1]
			gather(t, got, o, path)
		}
	}
	compare(t, got, orders(1, 150))
}

func testHooks(t *testing.T, e *example) {
	e.publish(t, orders(1, 90))
	out := e.run(t, "-output", e.dir)

	messages := 0
	for path, content := range files(t, e.dir, ".ndjson.zst") {
		n := len(lines[jetcapture.NatsMessage](t, content))
		messages += n
		if line := fmt.Sprintf("%s: %d messages, ", path, n); !strings.Contains(out, line) {
			t.Errorf("no line with %q in\n%s", line, out)
		}
	}
	if messages != 90 {
		t.Errorf("%d messages in the files, want 90", messages)
	}
	for _, line := range []string{
		"(once): sequences 1 to 90 in 3 files\n", "read 90 messages, stored 3 files in ", "sequences 1 to 90\n",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("no %q in\n%s", line, out)
		}
	}
}

func testDeadLetters(t *testing.T, e *example) {
	e.publish(t, orders(1, 20))
	e.publishText(t, `{"region":"north"}`)
	e.publishText(t, "no order")
	e.publish(t, orders(21, 40))
	e.run(t, "-output", e.path("orders"), "-letters", e.path("letters.ndjson"))

	ids := map[int]bool{}
	for path, content := range files(t, e.path("orders"), ".ndjson") {
		for _, o := range lines[order](t, content) {
			if ids[o.ID] {
				t.Errorf("order %d is there twice, in %s too", o.ID, path)
			}
			ids[o.ID] = true
		}
	}
	if len(ids) != 40 || ids[0] {
		t.Errorf("%d orders captured, want 40: %v", len(ids), ids)
	}
	content, err := os.ReadFile(e.path("letters.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	letters := lines[jetcapture.DeadLetter](t, content)
	if len(letters) != 2 || letters[0].Error != "an order without id" || string(letters[1].Data) != "no order" {
		t.Errorf("dead letters %s", content)
	}
}
