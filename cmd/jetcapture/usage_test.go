package main

import (
	"encoding/json"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/cutlog"
)

func TestWrongUsage(t *testing.T) {
	run := []string{"run", "-s", "S", "-o", filepath.Join(t.TempDir(), "archive")}
	for _, tt := range []struct {
		args []string
		want []string // lines, without "jetcapture: "
	}{
		{[]string{"rum"}, []string{`unknown command "rum": did you mean run? see jetcapture --help`}},
		{[]string{"help", "rum"}, []string{`unknown command "rum": did you mean run? see jetcapture --help`}},
		{[]string{"--verbose"}, []string{`unknown flag --verbose: see jetcapture --help`}},
		{[]string{"version", "x"}, []string{`"x": no argument is expected there; see jetcapture version --help`}},
		{[]string{"demo", "here"}, []string{`"here": no argument is expected there; see jetcapture demo --help`}},
		{[]string{"demo", "-o", "s3://b"}, []string{`--output: s3:// is not a folder: give a path, or file:///PATH`}},
		{[]string{"run"}, []string{
			`--output: a place for the archive is required, a folder or a URL`,
			`--stream-name: a stream name is required`,
		}},
		{
			append(run, "--max-ages", "1h"),
			[]string{`unknown flag --max-ages: did you mean --max-age? see jetcapture run --help`},
		},
		{[]string{"run", "--stream", "S"}, []string{
			"unknown flag --stream: did you mean --stream-name or --stream-opt-in or --stream-subject? " +
				"see jetcapture run --help",
		}},
		{[]string{"run", "--consumer=c"}, []string{
			`unknown flag --consumer: did you mean --consumer-name or --create-consumer? see jetcapture run --help`,
		}},
		{[]string{"run", "--nats", "x"}, []string{`unknown flag --nats: see jetcapture run --help`}},
		{[]string{"run", "-s", "S", "-o", "s3:/a"}, []string{
			`--output: s3://: both slashes are needed; ./s3: is a folder of that name`,
		}},
		{[]string{"demo", "--output", "file:a"}, []string{
			`--output: file://: both slashes are needed; ./file: is a folder of that name`,
		}},
		{append(run, "--max-age"), []string{`--max-age: a value must follow; see jetcapture run --help`}},
		{append(run, "ORDERS"), []string{
			`"ORDERS": no argument is expected there, only options; quote a value that has blanks, ` +
				`and write that of a switch as in --buffer-to-disk=false`,
		}},
		{append(run, "--once=perhaps"), []string{`--once: "perhaps" is neither true nor false`}},
		{append(run, "--max-age", "15"), []string{`--max-age: "15" is not a duration, write it as in 90s, 15m or 1h30m`}},
		{append(run, "--max-age", "0"), []string{`--max-age: "0": must be above 0`}},
		{append(run, "--max-messages", "-5"), []string{`--max-messages: "-5" is not a whole number such as 100000`}},
		{
			append(run, "--max-bytes", "64M"),
			[]string{`--max-bytes: "64M" is not a size, write it as in 64MiB, 128MB or 1.5GiB`},
		},
		{append(run, "--compression", "lz4"), []string{`--compression: "lz4" is not one of none, gzip, snappy, zstd`}},
		{append(run, "--format", "orc"), []string{`--format: "orc" is not one of ndjson, csv, parquet, avro, raw`}},
		{
			append(run, "--compression-level", "10"),
			[]string{`--compression-level: level 10 of gzip: it takes 1 to 9, or 0 for the default`},
		},
		{
			append(run, "--format", "raw", "--record", "event"),
			[]string{`--record: a record of --format raw is the whole message; leave it out`},
		},
		{append(run, "--record", "body"), []string{`--record: "body" is not one of message, payload, event, eventhubs`}},
		{append(run, "--on-poison", "ignore"), []string{`--on-poison: "ignore" is not one of dead-letter, skip, fail`}},
		{append(run, "--log-level", "loud"), []string{`--log-level: "loud" is not one of debug, info, warn, error`}},
		{append(run, "--start", "0"), []string{`--start: start at sequence 0: stream sequences begin with 1`}},
		{
			append(run, "--filter-subject", "a b"),
			[]string{`--filter-subject: "a b" is not a subject: it is empty or contains blanks`},
		},
		{append(run, "-once"), []string{`-once: write --once; see jetcapture run --help`}},
		{append(run, "-max-age=1h"), []string{`-max-age: write --max-age; see jetcapture run --help`}},
		{[]string{"run", "-stream", "S"}, []string{
			`-stream: did you mean --stream-name or --stream-opt-in or --stream-subject? see jetcapture run --help`,
		}},
		{[]string{"grep", t.TempDir(), "missing"}, []string{
			`there is no folder missing: the pattern comes first, and then the archive; see jetcapture grep --help`,
		}},
		{[]string{"diff", "a"}, []string{
			`an archive and another one, or --against-stream, are required; see jetcapture diff --help`,
		}},
		{[]string{"convert", "a", "b", "--leave-out", "a..b"}, []string{
			`--leave-out: "a..b" is not a subject: a part between dots is empty`,
		}},
		{[]string{"convert", "a", "b", "--standby", "10s"}, []string{
			`unknown flag --standby: see jetcapture convert --help`,
		}},
		{append(run, "-x"), []string{`unknown flag -x: see jetcapture run --help`}},
		{
			[]string{"completion"},
			[]string{`a shell is required: bash, zsh, fish, powershell; see jetcapture completion --help`},
		},
		{
			[]string{"completion", "csh"},
			[]string{`"csh" is not one of bash, zsh, fish, powershell; see jetcapture completion --help`},
		},
		{[]string{"man"}, []string{`one folder is expected; see jetcapture man --help`}},
		{
			[]string{"run", "-o", "x", "-s", "A.B"},
			[]string{`--stream-name: "A.B" is not the name of a stream: it must not contain blanks, slashes or any of . * >`},
		},
		{append(run, "--consumer-name", "A.B"), []string{`--consumer-name: "A.B" is not the name of a consumer: it must ` +
			`not contain blanks, slashes or any of . * >`}},
		{
			append(run, "--format", "csv"),
			[]string{`--format csv: needs at least one --column, such as --column total=json:total`},
		},
		{
			append(run, "--column", "seq"),
			[]string{`--column: "seq" has no name for the header, write it as in total=json:total`},
		},
		{append(run, "--column", "n=seq"), []string{`--column: is for --format csv and parquet, not for ndjson`}},
		{
			append(run, "--format", "csv", "--column", "n=seq", "--column", "n=time", "--record", "payload"),
			[]string{
				`--record: a row of columns is what the columns say; give one of --record and --column`,
				`--column: the name n is given twice`,
			},
		},
		{append(run, "--format", "csv", "--column", "n:int=seq"), []string{
			`--column: column "n:int=seq": "int" is not a type: take string, bool, int64, float64, decimal, decimal(P,S), ` +
				`timestamp, ` +
				`timestamp(s|ms|us|ns), date, json or bytes`,
		}},
		{
			[]string{"run", "-s", "S", "-o", "s3://"},
			[]string{`--output: the name of the bucket is missing: write it as in s3://BUCKET/PREFIX`},
		},
		{
			[]string{"run", "-s", "S", "-o", "s3://b?part_size=many"},
			[]string{`--output: part_size: "many" is not a size, write it as in 16MiB`},
		},
		{
			append(run, "--format", "orc", "--column", "n=seq"),
			[]string{`--format: "orc" is not one of ndjson, csv, parquet, avro, raw`},
		},
		{append(run, "--key", "a=sbject", "--path", "{a}"), []string{
			`--key: source "a=sbject": position 3: unknown source "sbject"; did you mean subject? ` +
				`Allowed are subject, subject[N], header:NAME, json:PATH, payload, seq or time`,
		}},
		{
			append(run, "--format", "parquet", "--column", "n=seq", "--column", "N=time"),
			[]string{`--column: the names n and N are one to most readers`},
		},
		{
			append(run, "--format", "parquet", "--record", "event"),
			[]string{`--record: --format parquet has message, not event`},
		},
		{
			append(run, "--record", "eventhubs"),
			[]string{`--record: --format ndjson has message, payload, event, not eventhubs`},
		},
		{
			append(run, "--format", "avro", "--payload", "json"),
			[]string{`--payload: is for --format parquet without columns`},
		},
		{append(run, "--on-mismatch", "dead-letter"), []string{`--on-mismatch: is for columns, and there are none`}},
		{
			append(run, "--csv-null", "x"),
			[]string{`--csv-null, --csv-header, --csv-escape-formulas: are for --format csv, not for ndjson`},
		},
		{
			append(run, "--format", "csv", "--column", "n=seq", "--csv-null", "a,b"),
			[]string{`--csv-null: "a,b" would need quotes; take a word such as NULL or \N`},
		},
		{
			append(run, "--format", "csv", "--column", "n=seq", "--on-mismatch", "dead-letter", "--on-poison", "skip"),
			[]string{`--on-mismatch dead-letter: needs --on-poison dead-letter`},
		},
		{
			append(run, "--format", "parquet", "--compression", "gzip", "--compression-level", "10"),
			[]string{`--compression-level: level 10 of gzip: it takes 1 to 9`},
		},
		{append(run, "--layout", "flat"), []string{`--layout: "flat" is not one of default, hive, dt-hr`}},
		{append(run, "--layout", "hive", "--key", "Date=seq"), []string{
			`--key: Date is the name of a directory of --layout hive; take another name`,
		}},
		{
			append(run, "--layout", "hive", "--key", "key=seq", "--key", "subject"),
			[]string{`--key: the name key is given twice`},
		},
		{
			append(run, "--timezone", "Europe/Berlin", "--max-age", "24h"),
			[]string{"--timezone Europe/Berlin: it is 1h0m0s off UTC at times, and windows of 24h0m0s (--max-age) " +
				"are aligned to UTC: a directory of one day would hold messages of two; " +
				"take --max-age 1h0m0s or a fraction of it, or --timezone UTC"},
		},
		{
			append(run, "--timezone", "Berlin"),
			[]string{`--timezone: "Berlin" is not a time zone such as UTC or Europe/Berlin`},
		},
		{
			append(run, "--path", "{seq}", "--layout", "hive"),
			[]string{`--path: says all of the directories, give no --layout beside it`},
		},
		{
			append(run, "--path", "%Y", "--key", "a=seq"),
			[]string{`--path: the key a=seq is missing: files of different keys would meet; add {a}`},
		},
		{append(run, "--path", "{subject[1]}{subject[2]}"), []string{
			`--path: "{subject[1]}{subject[2]}": nothing separates two values: put one of - . _ between them, or a /`,
		}},
		{append(run, "--path", "{subject[1]}x%Y{seq}"), []string{
			`--path: "{subject[1]}x%Y{seq}": nothing separates two values: put one of - . _ between them, or a /`,
		}},
		{append(run, "--path", "{sub}"), []string{
			`--path: "{sub}": no --key has that name, and source "sub": position 1: unknown source "sub"; ` +
				`allowed are subject, subject[N], header:NAME, json:PATH, payload, seq or time`,
		}},
		{
			append(run, "--path", "a//{seq}"),
			[]string{`--path: level 2 is empty; write it as in region={json:region}/date=%F/hour=%H`},
		},
		{append(run, "--path", "../{seq}"), []string{
			`--path: "..": take letters, digits, _, =, - and inner dots, and no _ at the beginning, besides what is in { }`,
		}},
		{append(run, "--path", "_jetcapture/{seq}"), []string{
			`--path: "_jetcapture": take letters, digits, _, =, - and inner dots, and no _ at the beginning, besides what ` +
				`is in { }`,
		}},
		{append(run, "--path", "{seq"), []string{`--path: "{seq": the closing } is missing`}},
		{append(run, "--path", "seq}"), []string{`--path: "seq}": a } without a {`}},
		{
			append(run, "--path", "%y"),
			[]string{`--path: "%y": %y is no field of time: %Y, %m, %d, %H and %M are, and %F for %Y-%m-%d`},
		},
		{append(run, "--key", "a=seq", "--key", "a=time"), []string{`--key: the name a is given twice`}},
		{
			append(run, "--key", "subject[0]"),
			[]string{`--key: source "subject[0]": position 9: tokens count from 1; as in subject[2]`},
		},
		{
			append(run, "--key", "subject[1]", "--group-by-subject"),
			[]string{`--group-by-subject: it is the same as --key subject, give it as one of the keys, in the order of the ` +
				`directories`},
		},
		{[]string{"run", "-s", "S", "-o", "gcs://secret@b"}, []string{
			`--output: gcs:// is not a store: give a path, file:///PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or ` +
				`azblob://CONTAINER/PREFIX`,
		}},
		{
			append(run, "--nats-tls-cert", "main.go"),
			[]string{`--nats-tls-cert: needs --nats-tls-key, and the other way round`},
		},
		{
			append(run, "--nats-creds", "missing.creds"),
			[]string{`--nats-creds: stat missing.creds: no such file or directory`},
		},
		{
			append(run, "--tmp-dir", "missing"),
			[]string{`--tmp-dir: "missing" is not an existing folder; make it, or name another`},
		},
		{
			append(run, "--js-domain", "hub", "--js-api-prefix", "hub.API"),
			[]string{`--js-domain: stands for a --js-api-prefix, give only one of the two`},
		},
		{append(run, "--max-age", "1", "--max-idle", "x", "--key", "sub"), []string{
			`--key: source "sub": position 1: unknown source "sub"; allowed are subject, subject[N], header:NAME, ` +
				`json:PATH, payload, seq or time`,
			`--max-age: "1" is not a duration, write it as in 90s, 15m or 1h30m`,
			`--max-idle: "x" is not a duration, write it as in 90s, 15m or 1h30m`,
		}},
	} {
		t.Run(strings.Join(tt.args[:1], "")+" "+tt.want[0], func(t *testing.T) {
			r := environment{}.run(t, tt.args...)
			if r.code != exitUsage || r.stdout != "" {
				t.Errorf("exit code %d, want %d; standard output %q", r.code, exitUsage, r.stdout)
			}
			want := "jetcapture: " + strings.Join(tt.want, "\njetcapture: ") + "\n"
			if r.stderr != want {
				t.Errorf("got\n%swant\n%s", r.stderr, want)
			}
		})
	}
}

func TestEnvironmentIsRead(t *testing.T) {
	r := environment{"NATS_CREDS": "missing.creds"}.run(t, "run", "-s", "S", "-o", "x")
	want := "jetcapture: --nats-creds: stat missing.creds: no such file or directory\n"
	if r.code != exitUsage || r.stderr != want {
		t.Errorf("exit code %d, %s", r.code, r.stderr)
	}
}

func TestVersion(t *testing.T) {
	r := environment{}.run(t, "version")
	if flag := (environment{}).run(t, "--version"); flag != r {
		t.Errorf("--version gives %+v", flag)
	}
	if r.code != exitDone || !strings.HasPrefix(r.stdout, "jetcapture "+version) || strings.Count(r.stdout, "\n") != 2 {
		t.Errorf("exit code %d, %q", r.code, r.stdout)
	}
}

func TestVersionAsJSON(t *testing.T) {
	r := environment{}.run(t, "version", "--json")
	var got build
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != exitDone {
		t.Fatalf("exit code %d, %v: %q", r.code, err, r.stdout)
	}
	want := build{
		Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Formats: formats{cutlog.Version, cutlog.CommandVersion, jetcapture.RawMagic},
		Commit:  got.Commit, Date: got.Date, Modified: got.Modified, // a test binary may know them, or not
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestHelpInOtherWays(t *testing.T) {
	for _, tt := range []struct{ args, same []string }{
		{nil, []string{"--help"}},
		{[]string{"-h"}, []string{"--help"}},
		{[]string{"help"}, []string{"--help"}},
		{[]string{"help", "run"}, []string{"run", "--help"}},
	} {
		got, want := environment{}.run(t, tt.args...), environment{}.run(t, tt.same...)
		if got != want || got.code != exitDone {
			t.Errorf("%v gives exit code %d and %q, not what %v gives", tt.args, got.code, got.stdout+got.stderr, tt.same)
		}
	}
}

func TestOutputs(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a", "/a b": "/a b", "./a": "./a", "file:///a/b": "/a/b", "file://localhost/a": "/a", "file:///a%20b": "/a b",
		`C:\a`:              `C:\a`,
		"s3://b/p?region=x": "s3://b/p?region=x", "gs://b": "gs://b", "azblob://b/p": "azblob://b/p",
	} {
		if got, err := parsePlace(text); err != nil || got != want {
			t.Errorf("parsePlace(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "file://", "file://host/a", "file:///a?x=1", "file:///a#b", "http://h",
		"s4://key:secret@bucket",
	} {
		if got, err := parsePlace(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("parsePlace(%q) = %q, %v", text, got, err)
		}
	}
}
