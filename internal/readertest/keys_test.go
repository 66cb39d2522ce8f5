package readertest_test

import (
	"encoding/json"
	"fmt"
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
