package main

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestCaptureMessages(t *testing.T) {
	srv, _ := orders(t, `{"id":1}`, "two\nlines", "", "\xff")
	folder := filepath.Join(t.TempDir(), "archive")
	captureOnce(t, srv, folder)
	rows := rowsBelow(t, folder)[""]
	if len(rows) != 4 {
		t.Fatalf("%d rows: %q", len(rows), rows)
	}
	for i, want := range []string{`{"id":1}`, "two\nlines", "", "\xff"} {
		var m jetcapture.NatsMessage
		if err := json.Unmarshal([]byte(rows[i]), &m); err != nil {
			t.Fatal(err)
		}
		if string(m.Data) != want || m.Subject != fmt.Sprintf("orders.%d", i+1) || m.Metadata.Sequence.Stream != uint64(i+1) {
			t.Errorf("row %d is %s, want the payload %q", i, rows[i], want)
		}
	}
}

func TestCaptureByKeys(t *testing.T) {
	srv, _ := orders(t, `{"a":"x","b":1}`, `{"a":"y","b":true}`, `{"a":"x"}`, `{"a":null,"b":1}`,
		`{"a":"_none","b":"../.."}`)
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--record", "payload", "--key", "a=json:a", "--key", "json:b")
	got := rowsBelow(t, folder)
	want := map[string][]string{
		"a=x/1":       {`{"a":"x","b":1}`},
		"a=y/true":    {`{"a":"y","b":true}`},
		"a=x/%5Fnone": {`{"a":"x"}`},
		"a=_none/1":   {`{"a":null,"b":1}`},
		"a=__none/" + cutlog.EscapeSegment("../.."): {`{"a":"_none","b":"../.."}`},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestCaptureCSV(t *testing.T) {
	srv, _ := orders(t, `{"id":1,"note":"a,b"}`, `{"id":"x\ny"}`, `{"note":""}`, "no JSON")
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--format", "csv", "--column", "id=json:id", "--column", "note=json:note",
		"--column", "n=subject[2]", "--compression", "none",
		"--on-mismatch", "dead-letter")
	rows := rowsBelow(t, folder)
	got, err := csv.NewReader(strings.NewReader(strings.Join(rows[""], "\n") + "\n")).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"id", "note", "n"}, {"1", "a,b", "1"}, {"x\ny", "", "2"}, {"", "", "3"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if dead := rows["_deadletter/ORDERS"]; len(dead) != 1 || !strings.Contains(dead[0], `"seq":4`) {
		t.Errorf("dead letters: %q", dead)
	}
}

// hostile are names that a file system, a shell or a program could take for something else.
func hostile() []string {
	return []string{
		"_jetcapture", "_deadletter", "_none", "a/b", "/etc", `a\b`, "CON", "a:b|c?", "\xff\xfe", "ü€", "~", "%41",
		"is~empty", "-rf", "$x", "A", "a",
		strings.Repeat("long", 100) + "x", strings.Repeat("long", 100) + "y",
	}
}

func TestHostileSubjects(t *testing.T) {
	srv, _ := orders(t)
	for _, s := range hostile() { // the client would refuse some of them
		natstest.PublishRaw(t, srv.Addr(), "orders."+s, "NATS/1.0\r\n\r\n", []byte(s))
	}
	folder := filepath.Join(t.TempDir(), "archive")
	captureOnce(t, srv, folder, "--key", "subject", "--key", "subject[2]", "--record", "payload")
	wantEachInItsOwn(t, folder, hostile(), func(s string) string {
		whole := cutlog.EscapeSegment("orders." + s)
		if s == source.None {
			s = "_" + s
		}
		return whole + "/" + cutlog.EscapeSegment(s)
	})
}

func TestHostileKeys(t *testing.T) {
	srv, nc := orders(t)
	values := append(hostile(), "", "a/../../b", ".", "..", ".hidden", "end.", "nul.txt", "a b", "a\nb", "\x00")
	values = slices.DeleteFunc(values, func(s string) bool { return !utf8.ValidString(s) }) // JSON has no other
	natstest.Publish(t, nc, len(values), func(i int) *nats.Msg {
		data, err := json.Marshal(map[string]string{"k": values[i]})
		if err != nil {
			t.Fatal(err)
		}
		return &nats.Msg{Subject: "orders.x", Data: data}
	})
	folder := filepath.Join(t.TempDir(), "archive")
	captureOnce(t, srv, folder, "--key", "json:k", "--format", "csv", "--column", "k=json:k")
	for dir, rows := range rowsBelow(t, folder) {
		if len(rows) < 2 || rows[0] != "k,_rescued" {
			t.Errorf("%s holds %q", dir, rows)
		}
	}
	if got := rowsBelow(t, folder); len(got) != len(values) {
		t.Errorf("%d values are in %d directories", len(values), len(got))
	}
}

// wantEachInItsOwn checks that each row is in its own directory, and that there is nothing else.
func wantEachInItsOwn(t *testing.T, folder string, rows []string, dir func(row string) string) {
	t.Helper()
	got := rowsBelow(t, folder)
	for _, r := range rows {
		if !slices.Equal(got[dir(r)], []string{r}) {
			t.Errorf("%q: its directory %s holds %q", r, dir(r), got[dir(r)])
		}
		delete(got, dir(r))
	}
	if len(got) > 0 {
		t.Errorf("there is more: %q", got)
	}
	if beside, err := filepath.Glob(filepath.Join(filepath.Dir(folder), "*")); err != nil || len(beside) != 1 {
		t.Errorf("beside the archive there is %q, %v", beside, err)
	}
}

func TestPoisonPolicies(t *testing.T) {
	srv, _ := orders(t, "one", "", "three")
	for _, tt := range []struct {
		policy string
		code   int
		rows   map[string]int
		stderr string
	}{
		{"dead-letter", exitDone, map[string]int{"": 2, "_deadletter/ORDERS": 1}, "1 dead letter, kept below _deadletter\n"},
		{"skip", exitDone, map[string]int{"": 2}, "1 message skipped\n"},
		{"fail", exitFailed, map[string]int{}, `stream ORDERS sequence 2 (subject "orders.2"): the payload is empty`},
	} {
		t.Run(tt.policy, func(t *testing.T) {
			folder := t.TempDir()
			r := environment{"NATS_URL": srv.URL()}.run(t, "run", "-s", "ORDERS", "-o", folder, "--once", "--record", "payload",
				"--on-poison", tt.policy)
			if r.code != tt.code || !strings.Contains(r.stderr, tt.stderr) {
				t.Errorf("exit code %d, want %d; no %q in\n%s", r.code, tt.code, tt.stderr, r.stderr)
			}
			got := map[string]int{}
			for dir, rows := range rowsBelow(t, folder) {
				got[dir] = len(rows)
			}
			if !maps.Equal(got, tt.rows) {
				t.Errorf("rows by directory: %v, want %v", got, tt.rows)
			}
		})
	}
}

func TestHeadersAreKept(t *testing.T) {
	srv, nc := orders(t)
	natstest.Publish(t, nc, 1, func(int) *nats.Msg {
		return &nats.Msg{Subject: "orders.1", Header: nats.Header{"Trace": {"a", "b"}}, Data: []byte("1")}
	})
	natstest.PublishRaw(t, srv.Addr(), "orders.2", "NATS/1.0\r\nTrace: \xff\r\n\r\n", []byte("2"))
	natstest.PublishRaw(t, srv.Addr(), "orders.3", "NATS/1.0\r\nno colon\r\n\r\n", []byte("3"))
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--key", "header:Trace")
	rows := rowsBelow(t, folder)
	if got := rows["a"]; len(got) != 1 || !strings.Contains(got[0], `"header":{"Trace":["a","b"]}`) {
		t.Errorf("repeated header: %q", got)
	}
	if got := rows["%FF"]; len(got) != 1 || !strings.Contains(got[0], `"header_raw":`) {
		t.Errorf("header that is not UTF-8: %q", got)
	}
	if got := rows["_deadletter/ORDERS"]; len(got) != 1 || !strings.Contains(got[0], `"header_raw":`) ||
		!strings.Contains(got[0], `"seq":3`) {
		t.Errorf("header that cannot be parsed: %q", got)
	}
}

func TestLargestMessage(t *testing.T) {
	large := strings.Repeat("x", 1<<20) // the server's maximum by default
	srv, _ := orders(t, large, "small")
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--record", "payload")
	if got := rowsBelow(t, folder)[""]; len(got) != 2 || got[0] != large {
		t.Errorf("%d rows", len(got))
	}
}

func TestOnceOnAnEmptyStreamIsSuccess(t *testing.T) {
	srv, _ := orders(t)
	folder := t.TempDir()
	r := captureOnce(t, srv, folder, "--json")
	var sum summary
	if err := json.Unmarshal([]byte(r.stdout), &sum); err != nil {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	if sum.Messages != 0 || sum.Files != 0 || len(rowsBelow(t, folder)) != 0 {
		t.Errorf("got %+v", sum)
	}
}

func TestSummaryAsJSON(t *testing.T) {
	srv, _ := orders(t, "1", "2", "")
	folder := t.TempDir()
	r := captureOnce(t, srv, folder, "--json", "--record", "payload", "--log-json", "--capture", "mine")
	var got summary
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	if got.Seconds <= 0 || got.Bytes <= 0 || got.FileBytes <= 0 || got.Reasons["once"] != 1 {
		t.Errorf("got %+v", got)
	}
	want := summary{
		Stream: "ORDERS", Capture: "mine", Output: folder, Messages: 3, Rows: got.Rows, DeadLetters: 1, Files: 2,
		Cuts: got.Cuts, StoredSeq: 3,
		Bytes: got.Bytes, FileBytes: got.FileBytes, Reasons: got.Reasons, Seconds: got.Seconds,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, line := range r.lines() {
		if !json.Valid([]byte(line)) {
			t.Errorf("with --log-json, the standard error has %q", line)
		}
	}
}

func TestLogHasALineForEachCut(t *testing.T) {
	srv, _ := orders(t, "1", "2")
	r := captureOnce(t, srv, t.TempDir())
	if !strings.Contains(r.stderr, "msg=cut") || !strings.Contains(r.stderr, "reason=once") {
		t.Errorf("no line of the cut in\n%s", r.stderr)
	}
	if strings.Contains(r.stderr, "\x1b") {
		t.Errorf("a progress line in a log:\n%q", r.stderr)
	}
	if r := captureOnce(t, srv, t.TempDir(), "--log-level", "error"); strings.Contains(r.stderr, "level=") {
		t.Errorf("with --log-level error there is\n%s", r.stderr)
	}
}

func TestSecondRunGoesOn(t *testing.T) {
	srv, nc := orders(t, "1", "2")
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--record", "payload")
	natstest.Publish(t, nc, 1, func(int) *nats.Msg { return &nats.Msg{Subject: "orders.3", Data: []byte(`{"id":3}`)} })
	captureOnce(t, srv, folder, "--record", "payload", "--key", "id=json:id", "--compression", "none")
	got := rowsBelow(t, folder)
	if want := map[string][]string{"": {"1", "2"}, "id=3": {`{"id":3}`}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFilterAndStart(t *testing.T) {
	srv, _ := orders(t, "1", "2", "3", "4")
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--record", "payload", "--start", "2", "--filter-subject", "orders.1",
		"--filter-subject", "orders.3",
		"--filter-subject", "orders.4")
	if got := rowsBelow(t, folder)[""]; !slices.Equal(got, []string{"3", "4"}) {
		t.Errorf("got %q", got)
	}
}

func TestWorkQueueThroughAConsumerThatIsCreated(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	stream := natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS", Retention: jetstream.WorkQueuePolicy})
	natstest.PublishN(t, nc, "orders.x", 3)
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--record", "payload", "--consumer-name", "archive")
	if got := rowsBelow(t, folder)[""]; !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("got %q", got)
	}
	natstest.Eventually(t, patience, "empty work queue", func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs == 0
	})
}

func TestCaptureEvents(t *testing.T) {
	payloads := []string{`{"id":1}`, "two\nlines", "", "{\n\"a\": \"\xff\"}"}
	srv, _ := orders(t, payloads...)
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--record", "event", "--compression", "gzip", "--compression-level", "9")
	for i, row := range rowsBelow(t, folder)[""] {
		var e struct {
			SpecVersion, ID, Source, Type, Subject, Time, Sequence string
			Data                                                   json.RawMessage
			Bytes                                                  []byte `json:"data_base64"`
		}
		if err := json.Unmarshal([]byte(row), &e); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		if got := string(e.Data) + string(e.Bytes); got != payloads[i] || e.Subject != fmt.Sprintf("orders.%d", i+1) ||
			e.Sequence != fmt.Sprintf("%020d", i+1) {
			t.Errorf("row %d is %s", i, row)
		}
	}
	wantSound(t, folder)
}

func TestCaptureRaw(t *testing.T) {
	payloads := []string{`{"id":1}`, "two\nlines", "", "\xff\x00"}
	srv, _ := orders(t, payloads...)
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--format", "raw", "--compression", "none")
	files := filesBelow(t, folder, ".raw")
	if len(files) != 1 {
		t.Fatalf("files: %q", files)
	}
	b, err := os.ReadFile(filepath.Join(folder, files[0]))
	if err != nil {
		t.Fatal(err)
	}
	rest, isRaw := bytes.CutPrefix(b, []byte(jetcapture.RawMagic))
	if !isRaw {
		t.Fatalf("it begins with %q", b[:8])
	}
	for i, payload := range payloads {
		size := binary.BigEndian.Uint32(rest)
		record := rest[4 : 4+size]
		if seq := binary.BigEndian.Uint64(record); seq != uint64(i+1) ||
			string(record[24:]) != fmt.Sprintf("orders.%d", i+1)+payload {
			t.Errorf("record %d is %q", i+1, record)
		}
		rest = rest[4+size:]
	}
	if len(rest) > 0 {
		t.Errorf("there is more: %q", rest)
	}
	wantSound(t, folder)
}

// wantSound checks that verify finds nothing wrong with an archive.
func wantSound(t *testing.T, folder string) {
	t.Helper()
	if r := (environment{}).run(t, "verify", folder); r.code != exitDone {
		t.Errorf("verify: exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
}
