package readertest_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// set is a stream of real messages, see testdata/README.md.
type set struct {
	name     string
	payloads []string
	server   *natstest.Server
	command  string
}

// object is a payload as encoding/json reads it, as an independent way to the numbers.
type object = map[string]any

func (s set) objects(t *testing.T) (objects []object) {
	t.Helper()
	for _, payload := range s.payloads {
		var o object
		if err := json.Unmarshal([]byte(payload), &o); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	return objects
}

// member returns a number, and whether there is one.
func member(o object, path ...string) (n float64, ok bool) {
	for _, name := range path[:len(path)-1] {
		o, _ = o[name].(object)
	}
	switch v := o[path[len(path)-1]].(type) {
	case float64:
		return v, true
	case string: // some sources have numbers as text
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}

// capture captures the stream with the command and returns the folder.
func (s set) capture(t *testing.T, args ...string) string {
	t.Helper()
	folder := t.TempDir()
	run := exec.CommandContext(t.Context(), s.command, append([]string{
		"run", "--nats-server", s.server.URL(), "-s", s.name, "-o", folder, "--once", "--max-age", "24h",
	}, args...)...)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", run, err, out)
	}
	return folder
}

func publishedSets(t *testing.T) map[string]set {
	t.Helper()
	command := buildCommand(t)
	server := natstest.Start(t)
	connection := server.Connect()
	sets := map[string]set{}
	for _, name := range []string{"flights", "earthquakes", "birdstrikes"} {
		s := set{name, lines(t, filepath.Join("..", "..", "testdata", name+".ndjson.gz")), server, command}
		natstest.CreateStream(t, connection, jetstream.StreamConfig{Name: name})
		natstest.Publish(t, connection, len(s.payloads), func(i int) *nats.Msg {
			return &nats.Msg{Subject: name + ".x", Data: []byte(s.payloads[i]), Header: nats.Header{"Row": {fmt.Sprint(i)}}}
		})
		sets[name] = s
	}
	return sets
}

func buildCommand(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "jetcapture")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/jetcapture")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	return path
}

func lines(t *testing.T, path string) (all []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(unpacked)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		all = append(all, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// In what the command captured of three real streams, DuckDB finds what encoding/json finds in the source.
func TestDuckDBReadsArchivesOfTheCommand(t *testing.T) {
	if !haveNode {
		return
	}
	sets := publishedSets(t)
	t.Run("flights", sets["flights"].checkFlights)
	t.Run("earthquakes", sets["earthquakes"].checkEarthquakes)
	t.Run("birdstrikes", sets["birdstrikes"].checkBirdstrikes)
	t.Run("manifest", sets["birdstrikes"].checkManifest)
}

// checkManifest: DuckDB reads the files of the view, and those of the list, and finds each message once.
func (s set) checkManifest(t *testing.T) {
	folder := s.capture(t, "--format", "parquet", "--layout", "hive", "--key", "state=json:Origin State")
	list := filepath.Join(t.TempDir(), "list.jsonl")
	manifest := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), s.command, append([]string{"manifest", folder}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", cmd, err)
		}
		return string(out)
	}
	if err := os.WriteFile(list, []byte(manifest("--json")), 0o600); err != nil {
		t.Fatal(err)
	}
	n := strconv.Itoa(len(s.payloads))
	states := map[string]bool{}
	for _, o := range s.objects(t) {
		states[fmt.Sprint(o["Origin State"])] = true
	}
	want := []string{n, n, strconv.Itoa(len(states))}
	const query = "SELECT count(*), count(DISTINCT sequence), count(DISTINCT state) FROM "
	results := duckdb(t, manifest("--sql", "strikes"), query+"strikes",
		"SET VARIABLE files = (SELECT list(path) FROM read_json('"+list+"'))",
		query+"read_parquet(getvariable('files'), hive_partitioning = true)",
		"SELECT sum(rows)::BIGINT, count(*) = count(DISTINCT path) FROM read_json('"+list+"')")
	for _, i := range []int{1, 3} {
		if !reflect.DeepEqual(results[i], [][]string{want}) {
			t.Errorf("statement %d gives %q, want %q", i, results[i], want)
		}
	}
	if !reflect.DeepEqual(results[4], [][]string{{n, "true"}}) {
		t.Errorf("rows of the list, and whether paths are distinct: %q", results[4])
	}
}

// summary returns count, sum, smallest and largest of the numbers at a path, as DuckDB prints them.
func summary(objects []object, path ...string) []string {
	var count int
	var sum, least, most float64
	for _, o := range objects {
		n, ok := member(o, path...)
		if !ok {
			continue
		}
		if count == 0 {
			least, most = n, n
		}
		count++
		sum, least, most = sum+n, min(least, n), max(most, n)
	}
	return []string{
		fmt.Sprint(len(objects)), fmt.Sprint(count), fmt.Sprintf("%.2f", sum), fmt.Sprintf("%.2f", least),
		fmt.Sprintf("%.2f", most),
	}
}

const summarySQL = "SELECT count(*), count(%[1]s), printf('%%.2f', " +
	"sum(%[1]s)::DOUBLE), printf('%%.2f', min(%[1]s)::DOUBLE), " +
	"printf('%%.2f', max(%[1]s)::DOUBLE) FROM %[2]s"

// checkFlights checks hive partitions, where the key is a column of the path, in each format of tables and lines.
func (s set) checkFlights(t *testing.T) {
	objects := s.objects(t)
	origins := map[string]int{}
	for _, o := range objects {
		origins[o["origin"].(string)]++
	}
	layout := []string{"--layout", "hive", "--key", "origin=json:origin"}
	columns := []string{
		"--column", "seq:int64=seq", "--column", "taken:timestamp=time", "--column", "delay:int64=json:delay",
		"--column", "distance:int64=json:distance", "--column", "destination=json:destination",
	}
	parquet := s.capture(t, append(append([]string{"--format", "parquet"}, layout...), columns...)...)
	csv := s.capture(t, append(append([]string{"--format", "csv"}, layout...), columns...)...)
	ndjson := s.capture(t, append([]string{"--record", "payload"}, layout...)...)
	for name, from := range map[string]string{
		"parquet": fmt.Sprintf("read_parquet('%s/origin=*/**/*.parquet', hive_partitioning = true)", parquet),
		"csv":     fmt.Sprintf("read_csv('%s/origin=*/**/*.csv.gz', hive_partitioning = true)", csv),
		"ndjson":  fmt.Sprintf("read_json('%s/origin=*/**/*.ndjson.gz', hive_partitioning = true)", ndjson),
	} {
		got := duckdb(t,
			fmt.Sprintf(summarySQL, "delay", from),
			fmt.Sprintf(summarySQL, "distance", from),
			fmt.Sprintf("SELECT count(DISTINCT origin), count(DISTINCT destination), "+
				"min(hour::INT) BETWEEN 0 AND 23, count(DISTINCT date) <= 2 FROM %s", from),
			fmt.Sprintf("SELECT count(*) FROM %s WHERE origin = 'DTW'", from),
		)
		destinations := map[any]bool{}
		for _, o := range objects {
			destinations[o["destination"]] = true
		}
		want := [][][]string{
			{summary(objects, "delay")},
			{summary(objects, "distance")},
			{{fmt.Sprint(len(origins)), fmt.Sprint(len(destinations)), "true", "true"}},
			{{fmt.Sprint(origins["DTW"])}},
		}
		if name == "ndjson" {
			got[2], want[2] = nil, nil // its own member date hides the directory's
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, want)
		}
	}
	seqs := duckdb(t, fmt.Sprintf("SELECT count(DISTINCT seq), min(seq), "+
		"max(seq), max(taken) <= now()::TIMESTAMPTZ + INTERVAL 1 HOUR "+
		"FROM read_parquet('%s/origin=*/**/*.parquet')", parquet))
	if want := [][]string{{fmt.Sprint(len(objects)), "1", fmt.Sprint(len(objects)), "true"}}; !reflect.DeepEqual(seqs[0],
		want) {
		t.Errorf("sequences %v, want %v", seqs[0], want)
	}
}

// checkEarthquakes checks nested JSON: unchanged, in events, in the column payload of type JSON, and split into typed
// columns.
func (s set) checkEarthquakes(t *testing.T) {
	objects := s.objects(t)
	payloads := s.capture(t, "--record", "payload", "--compression", "zstd")
	events := s.capture(t, "--record", "event")
	messages := s.capture(t, "--format", "parquet", "--payload", "json", "--layout", "dt-hr")
	table := s.capture(t, "--format", "parquet", "--compression", "snappy", "--layout", "dt-hr", "--key",
		"net=json:properties.net",
		"--column", "id=json:id", "--column", "mag:float64=json:properties.mag", "--column",
		"felt:int64=json:properties.felt",
		"--column", "place=json:properties.place", "--column", "quaked:timestamp(ms)=json:properties.time", "--column",
		"geo:json=json:geometry")
	from := map[string][3]string{
		"payload": {
			fmt.Sprintf("read_json('%s/*/*/*/*/*/*.ndjson.zst', maximum_object_size = 1000000)", payloads),
			"properties.mag", "properties.felt",
		},
		"event": {
			fmt.Sprintf("read_json('%s/*/*/*/*/*/*.ndjson.gz', columns = {data: "+
				"'JSON', subject: 'VARCHAR', sequence: 'VARCHAR'})", events),
			"(data->>'$.properties.mag')::DOUBLE", "(data->>'$.properties.felt')::DOUBLE",
		},
		"message": {
			fmt.Sprintf("read_parquet('%s/dt=*/hr=*/*.parquet')", messages),
			"(payload->>'$.properties.mag')::DOUBLE", "(payload->>'$.properties.felt')::DOUBLE",
		},
		"table": {
			fmt.Sprintf("read_parquet('%s/net=*/dt=*/hr=*/*.parquet', hive_partitioning = true)", table), "mag",
			"felt",
		},
	}
	for name, f := range from {
		got := duckdb(t, fmt.Sprintf(summarySQL, f[1], f[0]), fmt.Sprintf(summarySQL, f[2], f[0]))
		want := [][][]string{{summary(objects, "properties", "mag")}, {summary(objects, "properties", "felt")}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, want)
		}
	}
	nets := map[any]bool{}
	var longitudes, latest float64
	for _, o := range objects {
		properties := o["properties"].(object)
		nets[properties["net"]] = true
		longitudes += o["geometry"].(object)["coordinates"].([]any)[0].(float64)
		latest = max(latest, properties["time"].(float64))
	}
	got := duckdb(t,
		fmt.Sprintf("SELECT count(DISTINCT net), epoch_ms(max(quaked)), printf('%%.3f', "+
			"sum((geo->>'$.coordinates[0]')::DOUBLE)), count(_rescued) FROM %s",
			from["table"][0]),
		fmt.Sprintf("SELECT count(DISTINCT headers['Row'][1]), min(sequence), "+
			"max(sequence), count(_rescued), count(DISTINCT subject) FROM %s",
			from["message"][0]),
		fmt.Sprintf("SELECT count(DISTINCT sequence), min(sequence::UBIGINT), max(sequence::UBIGINT) FROM %s",
			from["event"][0]))
	want := [][][]string{
		{{fmt.Sprint(len(nets)), fmt.Sprintf("%.0f", latest), fmt.Sprintf("%.3f", longitudes), "0"}},
		{{fmt.Sprint(len(objects)), "1", fmt.Sprint(len(objects)), "0", "1"}},
		{{fmt.Sprint(len(objects)), "1", fmt.Sprint(len(objects))}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// checkBirdstrikes checks text with quotes, commas and blanks, and keys that directories must escape.
func (s set) checkBirdstrikes(t *testing.T) {
	objects := s.objects(t)
	makes, states := map[string]int{}, map[any]int{}
	for _, o := range objects {
		makes[o["Aircraft Make Model"].(string)]++
		states[o["Origin State"]]++
	}
	args := []string{
		"--key", "state=json:Origin State", "--layout", "hive", "--column", "make=json:Aircraft Make Model", "--column",
		"airport=json:Airport Name",
		"--column", "speed:int64=json:Speed IAS in knots", "--column", "cost:decimal(18,2)=json:Cost Total $",
	}
	csv := s.capture(t, append([]string{"--format", "csv", "--compression", "none"}, args...)...)
	parquet := s.capture(t, append([]string{"--format", "parquet", "--compression", "gzip"}, args...)...)
	for name, from := range map[string]string{
		"csv": fmt.Sprintf("read_csv('%s/state=*/**/*.csv', hive_partitioning = "+
			"true, all_varchar = true, header = true, delim = ',')", csv),
		"parquet": fmt.Sprintf("read_parquet('%s/state=*/**/*.parquet', hive_partitioning = true)", parquet),
	} {
		got := duckdb(t,
			fmt.Sprintf(summarySQL, "speed::INT", from),
			fmt.Sprintf(summarySQL, "cost::DECIMAL(18,2)", from),
			fmt.Sprintf("SELECT count(DISTINCT make), sum(length(airport)), count(DISTINCT state) FROM %s", from),
			fmt.Sprintf("SELECT make, count(*) FROM %s GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 1", from),
		)
		letters, most := 0, ""
		for _, o := range objects {
			letters += len([]rune(o["Airport Name"].(string)))
		}
		for name, n := range makes {
			if n > makes[most] || n == makes[most] && name < most {
				most = name
			}
		}
		want := [][][]string{
			{summary(objects, "Speed IAS in knots")},
			{summary(objects, "Cost Total $")},
			{{fmt.Sprint(len(makes)), fmt.Sprint(letters), fmt.Sprint(len(states))}},
			{{most, fmt.Sprint(makes[most])}},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, want)
		}
	}
	inNorthDakota := duckdb(t,
		fmt.Sprintf("SELECT count(*) FROM read_parquet('%s/state=*/**/*.parquet', hive_partitioning = true) "+
			"WHERE state IN ('North Dakota', 'North%%20Dakota')", parquet))
	if want := fmt.Sprint(states["North Dakota"]); strings.Join(inNorthDakota[0][0], "") != want {
		t.Errorf("DuckDB finds %v in North Dakota, want %s", inNorthDakota, want)
	}
}
