package readertest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var special = regexp.MustCompile(`^(_+none|_+empty|_*\\N|__+(?i:hive_default_partition__))$`)

// Values that readers of hive partitions take for SQL's NULL come back as texts, with all columns detected by DuckDB.
func TestDuckDBTakesNoKeyForNull(t *testing.T) {
	if !haveNode {
		return
	}
	s := set{name: "HN", server: natstest.Start(t), command: buildCommand(t)}
	connection := s.server.Connect()
	natstest.CreateStream(t, connection, jetstream.StreamConfig{Name: s.name, Subjects: []string{"hn.>"}})
	payloads := []string{`{"shop":"NULL"}`, `{"shop":"null"}`, `{"shop":"7"}`, `{"shop":""}`, `{}`, `{"shop":"\\N"}`}
	natstest.Publish(t, connection, len(payloads), func(i int) *nats.Msg {
		return &nats.Msg{Subject: "hn.a", Data: []byte(payloads[i])}
	})
	hive := s.capture(t, "--layout", "hive", "--key", "shop=json:shop", "--format", "parquet", "--payload", "json")
	path := s.capture(t, "--path", "shop={json:shop}/date=%F", "--format", "parquet", "--payload", "json")
	const query = "SELECT sequence, shop FROM read_parquet('%s/shop=*/**/*.parquet', hive_partitioning = true) ORDER BY 1"
	want := [][]string{{"1", "NULL"}, {"2", "null"}, {"3", "7"}, {"4", "_empty"}, {"5", "_none"}, {"6", "_\\N"}}
	for i, rows := range duckdb(t, fmt.Sprintf(query, hive), fmt.Sprintf(query, path)) {
		if !reflect.DeepEqual(rows, want) {
			t.Errorf("archive %d: got %q, want %q", i, rows, want)
		}
	}
}

// A payload with a member twice does not stop the queries that docs/FORMATS.md offers for such payloads.
func TestDuckDBReadsMembersTwice(t *testing.T) {
	if !haveNode {
		return
	}
	s := set{name: "TWICE", server: natstest.Start(t), command: buildCommand(t)}
	connection := s.server.Connect()
	natstest.CreateStream(t, connection, jetstream.StreamConfig{Name: s.name, Subjects: []string{"TWICE.>"}})
	payloads := []string{
		`{"id":1,"v":"x"}`, `{"id":2,"v":"x","id":3}`, `{"id":4,"v":"y","ID":5}`, `{"id":6,"v":{"a":1,"a":2,"A":3}}`,
	}
	natstest.Publish(t, connection, len(payloads), func(i int) *nats.Msg {
		return &nats.Msg{Subject: "TWICE.a", Data: []byte(payloads[i])}
	})
	lines := s.capture(t, "--record", "payload", "--layout", "hive", "--key", "k=subject[2]")
	events := s.capture(t, "--record", "event", "--layout", "hive")
	parquet := s.capture(t, "--format", "parquet", "--payload", "json", "--layout", "hive")
	want := [][]string{{"1", "x"}, {"2", "x"}, {"4", "y"}, {"6", `{"a":1,"a":2,"A":3}`}}
	for i, rows := range duckdb(t,
		fmt.Sprintf("SELECT (json->>'$.id')::INT AS id, json->>'$.v' "+
			"FROM read_ndjson_objects('%s/k=*/**/*.ndjson.gz', hive_partitioning = true) WHERE k = 'a' ORDER BY id", lines),
		fmt.Sprintf("SELECT (data->>'$.id')::INT AS id, data->>'$.v' "+
			"FROM read_json('%s/date=*/**/*.ndjson.gz', columns = {data: 'JSON'}) ORDER BY id", events),
		fmt.Sprintf("SELECT (payload->>'$.id')::INT AS id, payload->>'$.v' "+
			"FROM read_parquet('%s/date=*/**/*.parquet') ORDER BY id", parquet),
	) {
		if !reflect.DeepEqual(rows, want) {
			t.Errorf("query %d: got %q, want %q", i, rows, want)
		}
	}
}

// DuckDB finds the messages of each key, however odd, in the directory with its name.
func TestDuckDBFindsEveryKey(t *testing.T) {
	if !haveNode {
		return
	}
	keys := []string{
		"plain", "a=b", "=", "x==y=", "", " ", "a/b", "..", "50%", "%3D", "üß😀", "a,b;c", "'\"", "_none", "__none", "_x",
		"CON", "nul.txt", "a\nb", "a\\b", "NULL", "null", "nuLL", "_NULL", "__HIVE_DEFAULT_PARTITION__",
		"___hive_default_partition__", "\\N", "_empty", "7", "007",
		"~", "2026", "true", "a-b_c.d",
		strings.Repeat("ü", 100), strings.Repeat("a", 200),
	}
	s := set{name: "keys", server: natstest.Start(t), command: buildCommand(t)}
	connection := s.server.Connect()
	natstest.CreateStream(t, connection, jetstream.StreamConfig{Name: s.name})
	natstest.Publish(t, connection, len(keys), func(i int) *nats.Msg {
		payload, err := json.Marshal(object{"k": keys[i]})
		if err != nil {
			t.Fatal(err)
		}
		return &nats.Msg{Subject: "keys.x", Data: payload}
	})
	hive := s.capture(t, "--layout", "hive", "--key", "key=json:k", "--record", "payload")
	path := s.capture(t, "--path", "key={json:k}/n={json:k}-{subject[1]}/%F", "--record", "payload")
	const query = "SELECT k, key FROM read_json('%s/key=*/**/*.ndjson.gz', " +
		"hive_partitioning = true, hive_types_autocast = false, columns = {k: 'VARCHAR'})"
	for _, rows := range duckdb(t, fmt.Sprintf(query, hive), fmt.Sprintf(query, path)) {
		if len(rows) != len(keys) {
			t.Errorf("%d rows of %d", len(rows), len(keys))
		}
		for _, row := range rows {
			want := row[0]
			switch {
			case want == "":
				want = "_empty"
			case special.MatchString(want): // _none means no value, and the others NULL or the empty text
				want = "_" + want
			}
			if prefix, _, shortened := strings.Cut(row[1], "~"); shortened && len(want) > 100 {
				want = want[:len(prefix)] + row[1][len(prefix):]
			}
			if row[1] != want {
				t.Errorf("key %q is in the directory %q", row[0], row[1])
			}
		}
	}
}

// What a client does not parse of a header is in the files of the command all the same.
func TestOddHeadersAreInTheFiles(t *testing.T) {
	if !haveNode {
		return
	}
	s := set{name: "H", server: natstest.Start(t), command: buildCommand(t)}
	natstest.CreateStream(t, s.server.Connect(), jetstream.StreamConfig{Name: s.name, Subjects: []string{"h.>"}})
	blocks := []string{
		"NATS/1.0\r\n: v\r\n\r\n", "NATS/1.0\r\nA: b\r\n\r\nXYZ", "NATS/1.0\r\nA: a\nB: b\r\n\r\n", "NATS/1.0\r\n\r\n",
		"NATS/1.0\r\nA:b\r\n\r\n",
	}
	var want [][]string
	for i, block := range blocks {
		natstest.PublishRaw(t, s.server.Addr(), "h.a", block, []byte("1"))
		if want = append(want, []string{fmt.Sprint(i + 1), base(block)}); i == len(blocks)-1 {
			want[i][1] = null // all of it is parsed
		}
	}
	layout := []string{"--layout", "hive"}
	parquet := s.capture(t, append(layout, "--format", "parquet")...)
	messages := s.capture(t, append(layout, "--memory-limit", "1MiB")...)
	events := s.capture(t, append(layout, "--record", "event")...)
	avro := s.capture(t, append(layout, "--format", "avro")...)
	raw := s.capture(t, append(layout, "--format", "raw", "--compression", "none")...)
	for i, rows := range duckdb(t,
		fmt.Sprintf("SELECT sequence, to_base64(headers_raw) FROM read_parquet('%s/date=*/**/*.parquet') ORDER BY 1",
			parquet),
		fmt.Sprintf("SELECT (metadata->>'$.Sequence.stream_seq')::INT, header_raw FROM read_json("+
			"'%s/date=*/**/*.ndjson.gz', columns = {metadata: 'JSON', header_raw: 'VARCHAR'}) ORDER BY 1", messages),
		fmt.Sprintf("SELECT sequence::INT, headers_raw FROM read_json("+
			"'%s/date=*/**/*.ndjson.gz', columns = {sequence: 'VARCHAR', headers_raw: 'VARCHAR'}) ORDER BY 1", events),
	) {
		if !reflect.DeepEqual(rows, want) {
			t.Errorf("query %d: got %q, want %q", i, rows, want)
		}
	}
	files, err := filepath.Glob(avro + "/date=*/*/*.avro")
	if err != nil || len(files) != 1 {
		t.Fatalf("avro files %v, %v", files, err)
	}
	records, _ := avsc(t, files[0])
	for i, record := range records[files[0]] {
		var block any = map[string]any{"bytes": map[string]any{"base64": want[i][1]}}
		if want[i][1] == null {
			block = nil
		}
		if got := record.(map[string]any)["headers_raw"]; !reflect.DeepEqual(got, block) {
			t.Errorf("avro: %v, want %v", got, block)
		}
	}
	if files, err = filepath.Glob(raw + "/date=*/*/*.raw"); err != nil || len(files) != 1 {
		t.Fatalf("raw files %v, %v", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks[:4] {
		if !strings.Contains(string(content), "h.a"+block+"1") {
			t.Errorf("the raw file has no block %q", block)
		}
	}
}
