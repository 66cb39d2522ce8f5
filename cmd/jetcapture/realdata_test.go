package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// dataset is a file of real data, a JSON object a line, and where its messages go.
type dataset struct {
	name, key string
	ndjson    bool     // capture the payloads as they are
	columns   []string // capture a table of these members, if there are any
}

func datasets() []dataset {
	return []dataset{
		{"flights", "origin", true, nil},
		{"earthquakes", "properties.net", true, []string{"id", "properties.mag", "properties.felt"}},
		{"birdstrikes", "Origin State", false, []string{"Aircraft Make Model", "Speed IAS in knots", "Cost Total $"}},
	}
}

// message is a payload, and what encoding/json reads in it: an independent way to the values that package source finds.
type message struct {
	payload string
	value   any
}

func readMessages(t *testing.T, name string) (all []message) {
	t.Helper()
	for _, payload := range linesOf(t, filepath.Join("..", "..", "testdata", name+".ndjson.gz")) {
		m := message{payload: payload}
		d := json.NewDecoder(strings.NewReader(payload))
		d.UseNumber()
		if err := d.Decode(&m.value); err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		all = append(all, m)
	}
	return all
}

// member returns the text of a member, which is null or a scalar.
func (m message) member(path string) (text string, ok bool) {
	v := m.value
	for name := range strings.SplitSeq(path, ".") {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	if v == nil {
		return "", false
	}
	return fmt.Sprint(v), true
}

// directory is where a message belongs.
func (d dataset) directory(m message) string {
	key, ok := m.member(d.key)
	if !ok {
		key = "_none"
	}
	return cutlog.EscapeSegment("k=" + key)
}

// capture captures the set's stream.
func (d dataset) capture(t *testing.T, srv *natstest.Server, args ...string) map[string][]string {
	t.Helper()
	folder := t.TempDir()
	args = append([]string{"run", "--nats-server", srv.URL(), "-s", d.name, "-o", folder, "--once", "--key", "k=json:" +
		d.key}, args...)
	r := environment{}.run(t, args...)
	if r.code != exitDone {
		t.Fatal(r.stderr)
	}
	return rowsBelow(t, folder)
}

func TestRealData(t *testing.T) {
	srv := natstest.Start(t)
	for _, d := range datasets() {
		t.Run(d.name, func(t *testing.T) {
			messages := readMessages(t, d.name)
			nc := srv.Connect()
			natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: d.name})
			natstest.Publish(t, nc, len(messages), func(i int) *nats.Msg {
				return &nats.Msg{Subject: d.name + ".x", Data: []byte(messages[i].payload)}
			})
			if d.ndjson {
				d.checkNDJSON(t, messages, d.capture(t, srv, "--record", "payload"))
			}
			if len(d.columns) > 0 {
				d.checkCSV(t, messages, d.capture(t, srv, d.columnFlags()...))
			}
		})
	}
}

func (d dataset) columnFlags() []string {
	flags := []string{"--format", "csv", "--on-mismatch", "dead-letter", "--column", "seq=seq"}
	for i, c := range d.columns {
		flags = append(flags, "--column", fmt.Sprintf("c%d=json:%s", i, c))
	}
	return flags
}

// checkNDJSON expects each payload once, in its directory, in order.
func (d dataset) checkNDJSON(t *testing.T, messages []message, got map[string][]string) {
	t.Helper()
	want := map[string][]string{}
	for _, m := range messages {
		want[d.directory(m)] = append(want[d.directory(m)], m.payload)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("NDJSON: %d directories, want %d, or their rows differ", len(got), len(want))
	}
}

// checkCSV expects a row for each message, in its directory, with its stream sequence.
func (d dataset) checkCSV(t *testing.T, messages []message, got map[string][]string) {
	t.Helper()
	want := map[string][][]string{}
	for i, m := range messages {
		row := []string{fmt.Sprint(i + 1)}
		for _, c := range d.columns {
			text, _ := m.member(c)
			row = append(row, text)
		}
		want[d.directory(m)] = append(want[d.directory(m)], row)
	}
	for dir, lines := range got {
		rows, err := csv.NewReader(bytes.NewBufferString(strings.Join(lines, "\n") + "\n")).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		header := rows[0]
		rows = withoutHeaders(rows, header)
		if !reflect.DeepEqual(rows, want[dir]) {
			t.Errorf("CSV: %s has %d rows, want %d, or they differ", dir, len(rows), len(want[dir]))
		}
		delete(want, dir)
	}
	if len(want) > 0 {
		t.Errorf("CSV: %d directories are missing", len(want))
	}
}

// withoutHeaders returns the rows that are no header: a directory has a file, and so a header, for each window.
func withoutHeaders(rows [][]string, header []string) (kept [][]string) {
	for _, r := range rows {
		if !reflect.DeepEqual(r, header) {
			kept = append(kept, r)
		}
	}
	return kept
}
