package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeFile writes a file into a folder of the test and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEveryOptionIsAFlagOrAKey: and every key of a file is an option that can be set there.
func TestEveryOptionIsAFlagOrAKey(t *testing.T) {
	flags := map[string]bool{}
	options := runOptions()
	for _, name := range flagNames(runCommand(console{}).Flags()) {
		flags[name] = true
	}
	keys := map[string]bool{}
	for _, o := range options.all() {
		if !flags[o.name] && o.key() == "" {
			t.Errorf("%s is neither a flag nor a key", o.name)
		}
		if !flags[o.name] && !o.envOnly {
			t.Errorf("%s is no flag, and no secret", o.name)
		}
		if o.key() == "" && !o.flagOnly {
			t.Errorf("%s is no key", o.name)
		}
		if keys[o.key()] && o.key() != "" {
			t.Errorf("%s is a key twice", o.key())
		}
		keys[o.key()] = true
		if found, _, ok := options.ofKey(o.key()); o.key() != "" && (!ok || found.name != o.name) {
			t.Errorf("the key %s is that of %s", o.key(), found.name)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string // the lines, without the path
	}{
		{"", ": it is empty"},
		{"# nothing\n", ": it is empty"},
		{"- a\n", ":1: a mapping is expected there, such as stream_name: ORDERS"},
		{"stream_name: S\noutput: /tmp/x\nmax_ages: 1h\n", ":3: unknown key max_ages: did you mean max_age?"},
		{"stream-name: S\n", ":1: unknown key stream-name: did you mean stream_name?"},
		{"config: x\n", ":1: unknown key config"},
		{"output: a\nstream_name: S\noutput: b\n", ":3: output: is in line 1 already"},
		{"output: [a, b]\n", ":1: output: takes one value, no list"},
		{"output:\n", ":1: output: a value is expected there"},
		{"output: {a: b}\n", ":1: output: a value is expected there"},
		{"key: [[a]]\n", ":1: key: a value is expected there"},
		{"output: ${NOWHERE}\n", ":1: output: the environment has no NOWHERE; write ${NOWHERE:-TEXT} for what it is then"},
		{
			"nats_creds: ${CREDENTIALS_DIRECTORY}/nats.creds\n",
			":1: nats_creds: the environment has no CREDENTIALS_DIRECTORY, which systemd sets: elsewhere, put " +
				"CREDENTIALS_DIRECTORY=FOLDER before the command",
		},
		{"output: ${X\n", ":1: output: the } of ${NAME} is missing; write $$ for a $"},
		{"nats_token_file: /does/not/exist\n", ":1: nats_token_file: open /does/not/exist: no such file or directory"},
		{
			"stream_name: S\noutput: /tmp/x\nmax_age: 15\n",
			`:3: max_age: "15" is not a duration, write it as in 90s, 15m or 1h30m`,
		},
		{"captures: {}\n", ":1: captures: there is none"},
		{"captures: 5\n", ":1: captures: names of captures are expected, each with its options"},
		{"captures: [a]\n", ":1: captures: names of captures are expected, each with its options"},
		{"captures:\n  a: x\n", ":2: a mapping is expected there, such as stream_name: ORDERS"},
		{"captures:\n  a:\n    json: true\n", ":3: json: is the same for all captures, put it beside captures"},
		{"captures:\n  a:\n    capture: b\n", ":3: capture: the capture has its name already"},
		{"captures:\n  a: {}\n  a: {}\n", ":3: a: is in line 2 already"},
		{"a: b\n---\nc: d\n", ": line 2: a second document; put all captures into one, below captures"},
		{"output: a\n\tb: c\n", ""},
	} {
		path := writeFile(t, "capture.yaml", tt.text)
		r := environment{}.run(t, "validate", "--config", path)
		want := "jetcapture: " + path + tt.want + "\n"
		if r.code != exitUsage || tt.want != "" && r.stderr != want || !strings.Contains(r.stderr, path) {
			t.Errorf("%q: exit code %d\n%s, want\n%s", tt.text, r.code, r.stderr, want)
		}
	}
	path := writeFile(t, "capture.yaml", "max_ages: 1h\nmax_age: 15\ncaptures:\n  a: {max_bytes: x}\n")
	r := environment{}.run(t, "validate", "--config", path)
	for i, part := range []string{":1: unknown key", `:2: max_age: "15"`, `:4: max_bytes: "x"`} {
		if lines := strings.Split(r.stderr, "\n"); len(lines) != 4 || !strings.Contains(lines[i], part) {
			t.Errorf("line %d has no %q:\n%s", i+1, part, r.stderr)
		}
	}
	r = environment{}.run(t, "run", "--config", "missing.yaml")
	want := "jetcapture: --config: open missing.yaml: no such file or directory\n"
	if r.code != exitUsage || r.stderr != want {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

func TestConfigOfCapturesIsChecked(t *testing.T) {
	path := writeFile(t, "capture.yaml",
		"output: a\ncaptures:\n  one: {stream_name: S, format: csv}\n  two: {stream_name: S}\n")
	r := environment{}.run(t, "validate", "--config", path, "--capture", "x")
	want := "jetcapture: --capture: the captures of a file have their names\n" +
		"jetcapture: capture one: --format csv: needs at least one --column, such as --column total=json:total\n"
	if r.code != exitUsage || r.stderr != want {
		t.Errorf("exit code %d, got\n%s", r.code, r.stderr)
	}
}

func TestExpandEnv(t *testing.T) {
	getenv := func(name string) string { return map[string]string{"A": "x", "B": "${A}"}[name] }
	for text, want := range map[string]string{
		"": "", "a": "a", "${A}": "x", "-${A}${A}-": "-xx-", "${B}": "${A}", "${C:-y}": "y", "${C:-}": "", "${A:-y}": "x",
		"$$": "$", "$${A}": "${A}", "$A": "$A", "a$": "a$", "$.a": "$.a",
	} {
		if got, err := expandEnv(text, getenv); got != want || err != nil {
			t.Errorf("%s gives %q, %v, want %q", text, got, err, want)
		}
	}
}

// TestConfigPrintsWhatItReads: the effective options, read again, are the same.
func TestConfigPrintsWhatItReads(t *testing.T) {
	secret := writeFile(t, "password", "hunter2\n")
	path := writeFile(t, "capture.yaml", `
nats_server: nats://me:hunter2@127.0.0.1:4222
nats_user: me
nats_password_file: `+secret+`
output: s3://b/p?region=x
log_level: warn
captures:
  "eu $1": &eu
    stream_name: ${STREAM}
    key: [shop=json:shop, "json:a\\.b"]
    csv_null: 'null'
    format: csv
    column: id:int64=json:id
    filter_subject: ["orders.>"]
  jobs:
    stream_name: JOBS
    path: "{subject}/%F"
`)
	e := environment{"STREAM": "ORDERS"}
	r := e.run(t, "config", "--config", path, "--max-age", "1h")
	if r.code != exitDone || strings.Contains(r.stdout, "hunter2") {
		t.Fatalf("exit code %d: %s\n%s", r.code, r.stderr, r.stdout)
	}
	for _, want := range []string{
		"nats_password: \"<redacted>\"\n", "log_level: warn\n", "  \"eu $1\":\n    stream_name: ORDERS\n",
		"    max_age: 1h\n",
		"    key:\n      - \"shop=json:shop\"\n      - \"json:a\\\\.b\"\n", "csv_null: \"null\"\n",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("there is no %q in\n%s", want, r.stdout)
		}
	}
	again := e.run(t, "config", "--config", writeFile(t, "again.yaml", r.stdout))
	if again.stdout != r.stdout {
		t.Errorf("got\n%s\n%s\nwant\n%s", again.stderr, again.stdout, r.stdout)
	}
	off := environment{}.run(t, "config", "--config", path, "--expand-env=false")
	if !strings.Contains(off.stdout+off.stderr, "${STREAM}") {
		t.Errorf("without expansion: %s%s", off.stdout, off.stderr)
	}
}

// TestConfigPrintsWhatIsImplied: what no option says, but follows from others.
func TestConfigPrintsWhatIsImplied(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"\ncapture: S\n", "\ncompression: gzip\n", "\nnats_server: \"nats://127.0.0.1:4222\"\n"}},
		{[]string{"--format", "parquet", "--capture", "c"}, []string{"\ncapture: c\n", "\ncompression: zstd\n"}},
		{[]string{"--format", "avro", "--compression", "snappy"}, []string{"\ncompression: snappy\n"}},
	} {
		r := environment{}.run(t, append([]string{"config", "-s", "S", "-o", "x"}, tt.args...)...)
		for _, want := range tt.want {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("%q: there is no %q in\n%s%s", tt.args, want, r.stdout, r.stderr)
			}
		}
		again := environment{}.run(t, "config", "--config", writeFile(t, "again.yaml", r.stdout))
		if again.stdout != r.stdout {
			t.Errorf("read again, it is\n%s%s", again.stdout, again.stderr)
		}
	}
}

func TestFlagsOverrideTheFile(t *testing.T) {
	path := writeFile(t, "capture.yaml",
		"stream_name: S\noutput: a\nkey: [seq, time]\nnats_server: nats://file\nmax_age: 1m\nnats_token: file\n")
	file, problems := loadConfig(path, true, func(string) string { return "" }, os.ReadFile)
	if len(problems) > 0 {
		t.Fatal(errors.Join(problems...))
	}
	all, problems := file.settings()
	if len(problems) > 0 || len(all) != 1 {
		t.Fatal(len(all), errors.Join(problems...))
	}
	if s := all[0]; s.origins["nats-token"] != byFile || s.nats.Token.Text != "file" || len(s.capture.form.Keys) != 2 {
		t.Errorf("got %+v", s)
	}
	r := environment{"NATS_URL": "nats://environment"}.run(t, "config", "--config", path, "--key", "subject",
		"--max-age", "2m")
	for _, want := range []string{"key:\n  - subject\nlay", "max_age: 2m\n", "nats_server: \"nats://environment\"\n"} {
		if !strings.Contains(strings.Replace(r.stdout, "group_by_subject: false\n", "", 1), want) {
			t.Errorf("there is no %q in\n%s", want, r.stdout)
		}
	}
}

func TestSeveralCaptures(t *testing.T) {
	srv, _ := orders(t, `{"shop":"a"}`, `{"shop":"b"}`)
	folder := t.TempDir()
	path := writeFile(t, "capture.yaml", `
nats_server: `+srv.URL()+`
output: `+folder+`
json: true
captures:
  all: {stream_name: ORDERS, record: payload}
  gone: {stream_name: NOWHERE}
  table:
    stream_name: ORDERS
    format: parquet
    key: json:shop
`)
	r := environment{}.run(t, "run", "--config", path, "--once")
	if r.code != exitFailed || !strings.Contains(r.stderr, "jetcapture: capture gone: ") ||
		strings.Contains(r.stderr, "jetcapture: capture all") {
		t.Errorf("exit code %d:\n%s", r.code, r.stderr)
	}
	if n := strings.Count(r.stdout, `"stored_seq":2`); n != 2 || strings.Count(r.stdout, "\n") != 3 {
		t.Errorf("summaries:\n%s", r.stdout)
	}
	if all, tables := filesBelow(t, folder, "all-"), filesBelow(t, folder, "table-"); len(all) != 1 || len(tables) != 2 {
		t.Errorf("files %q and %q", all, tables)
	}
	wantSound(t, folder)
}
