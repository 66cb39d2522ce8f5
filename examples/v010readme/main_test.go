package main

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
)

func TestReadmeExampleOfV010Runs(t *testing.T) {
	t.Chdir(t.TempDir())
	srv := natstest.Start(t)
	js := people(t, srv.Connect())
	var want []string
	for i := range 20 {
		region := []string{"eu", "us"}[i%2]
		row := fmt.Sprintf("Ada,Lovelace %d,%s", i, region)
		want = append(want, region+": "+row)
		publish(t, js, fmt.Sprintf(`{"first_name":"Ada","last_name":"Lovelace %d","region":"%s"}`, i, region))
	}

	written := countRows(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, srv.URL()) }()
	natstest.Eventually(t, 20*time.Second, "rows of all messages", func() bool { return written.Load() == 20 })
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	if got := stored(t); !reflect.DeepEqual(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("stored %q\nwant %q", got, want)
	}
	if info, err := js.ConsumerInfo("PEOPLE", "backup"); err != nil || info.NumAckPending != 0 {
		t.Errorf("not acknowledged: %+v, %v", info, err)
	}
}

// countRows counts the rows that the example has written: what was not read when the capture stops is left for its next
// start.
func countRows(t *testing.T) *atomic.Int64 {
	t.Helper()
	rows, factory := new(atomic.Int64), JSONToLocalFsCSV.WriterFactory
	JSONToLocalFsCSV.WriterFactory = func() jetcapture.FormattedDataWriter[*ExamplePayload] {
		return &countingWriter{factory(), rows}
	}
	t.Cleanup(func() { JSONToLocalFsCSV.WriterFactory = factory })
	return rows
}

type countingWriter struct {
	jetcapture.FormattedDataWriter[*ExamplePayload]
	rows *atomic.Int64
}

func (w *countingWriter) Write(p *ExamplePayload) (int, error) {
	n, err := w.FormattedDataWriter.Write(p)
	w.rows.Add(int64(n))
	return n, err
}

// people makes the stream and the consumer of the example.
func people(t *testing.T, nc *nats.Conn) nats.JetStreamContext {
	t.Helper()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "PEOPLE", Subjects: []string{"people.>"}}); err != nil {
		t.Fatal(err)
	}
	consumer := &nats.ConsumerConfig{Durable: "backup", AckPolicy: nats.AckExplicitPolicy}
	if _, err := js.AddConsumer("PEOPLE", consumer); err != nil {
		t.Fatal(err)
	}
	return js
}

func publish(t *testing.T, js nats.JetStreamContext, data string) {
	t.Helper()
	if _, err := js.Publish("people.new", []byte(data)); err != nil {
		t.Fatal(err)
	}
}

// stored returns the rows of all files as "directory: row", sorted.
func stored(t *testing.T) (rows []string) {
	t.Helper()
	files, err := filepath.Glob("backup/*/[0-9]*/[0-9]*/[0-9]*/[0-9]*/[0-9]*/*.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		region := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(file)))))))
		lines := readCSV(t, file)
		if !reflect.DeepEqual(lines[0], []string{"first_name", "last_name", "region"}) {
			t.Errorf("%s: header %q", file, lines[0])
		}
		for _, l := range lines[1:] {
			rows = append(rows, fmt.Sprintf("%s: %s,%s,%s", region, l[0], l[1], l[2]))
		}
	}
	slices.Sort(rows)
	return rows
}

func readCSV(t *testing.T, file string) [][]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(z).ReadAll()
	if err := errors.Join(err, f.Close()); err != nil || len(lines) == 0 {
		t.Fatalf("%s: %d lines, %v", file, len(lines), err)
	}
	return lines
}
