package main

import (
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/form"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestHelpIsTheGoldenOne(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"run"},
		{"init"},
		{"config"},
		{"validate"},
		{"doctor"},
		{"demo"},
		{"version"},
		{"ls"},
		{"verify"},
		{"status"},
		{"repair"},
		{"fleet"},
		{"fleet", "init"},
		{"fleet", "apply"},
		{"fleet", "ls"},
		{"fleet", "drain"},
		{"fleet", "rm"},
		{"worker"},
		{"completion"},
		{"man"},
	} {
		name := "testdata/help" + strings.Join(append([]string{""}, args...), "-") + ".txt"
		r := environment{}.run(t, append(args, "--help")...)
		if r.code != exitDone || r.stderr != "" {
			t.Fatalf("%v --help: exit code %d, %s", args, r.code, r.stderr)
		}
		if *update {
			if err := os.WriteFile(name, []byte(r.stdout), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if r.stdout != string(want) {
			t.Errorf("%v --help is not as in %s; go test -update accepts it:\n%s", args, name, r.stdout)
		}
	}
}

func TestHelpFitsAScreen(t *testing.T) {
	for _, cmd := range withCommands(newRoot(console{})) {
		for line := range strings.Lines(cmd.Long) {
			if n := len(strings.TrimSuffix(line, "\n")); n > helpWidth {
				t.Errorf("%s: %d columns: %s", cmd.Name(), n, line)
			}
		}
	}
}

// withoutFlag are the fields of jetcapture.Options that no flag sets, and why.
func withoutFlag() map[string]string {
	return map[string]string{
		"Budget":           "is that of the process, see --memory-limit",
		"MessageDecoder":   "made of the options of the form",
		"WriterFactory":    "made of the options of the form",
		"Store":            "the command always keeps an archive",
		"Archive.Segments": "made of --key",
		"Archive.Takeover": "nothing that an operator could know better",
		"Grace":            "nothing that an operator could know better",
		"DecodeWorkers":    "all cores",
		"StoreWorkers":     "the library's default",
		"DecoderVersion":   "that of the command",
		"Settings":         "those of the form",
		"ForPlan":          "the command finishes a cut under the plan's own settings by itself",
		"DeadLetters":      "the archive keeps them",
		"Hooks":            "the log tells the same",
		"Sample":           "--dry-run sets it",
		"crash":            "for tests",
		"secondLook":       "for tests",
	}
}

func TestEveryFieldOfTheLibraryHasAnOption(t *testing.T) {
	byField := map[string]option{}
	for _, o := range runOptions().all() {
		if o.field == "" {
			continue
		}
		if other, twice := byField[o.field]; twice {
			t.Errorf("--%s and --%s both set %s", o.name, other.name, o.field)
		}
		byField[o.field] = o
	}
	exempt := withoutFlag()
	check := func(field string) {
		_, has := byField[field]
		_, not := exempt[field]
		if has == not {
			t.Errorf("Options.%s has an option: %v, and is exempt: %v; it must be one of both", field, has, not)
		}
		delete(byField, field)
		delete(exempt, field)
	}
	for f := range reflect.TypeFor[form.Options]().Fields() {
		if f.Name != "Archive" {
			check(f.Name)
			continue
		}
		for g := range f.Type.Fields() {
			check("Archive." + g.Name)
		}
	}
	if len(byField) > 0 || len(exempt) > 0 {
		t.Errorf("the library has no such fields: options %v, exempt %v", byField, exempt)
	}
}

// otherValues gives for each option with a field a text that is not its default.
func otherValues() map[string]string {
	return map[string]string{
		"stream-name": "OTHER", "consumer-name": "other", "create-consumer": "false", "filter-subject": "other.>",
		"start": "new", "once": "true",
		"on-poison": "fail", "capture": "other", "instance": "other", "format": "csv", "compression": "zstd", "max-age": "1h",
		"max-messages": "7", "max-bytes": "1GiB", "max-idle": "3s", "drain-timeout": "9s", "wait": "9s",
		"memory-limit":   "1GiB",
		"buffer-to-disk": "false",
		"tmp-dir":        "/other", "compression-level": "3", "layout": "hive", "spool-limit": "1TiB",
	}
}

func TestOptionsReachTheLibrary(t *testing.T) {
	elsewhere := []string{"output", "log-level", "js-api-prefix", "range"} // they reach it when they are checked, or later
	values := otherValues()
	for _, o := range runOptions().all() {
		if o.field == "" || slices.Contains(elsewhere, o.name) {
			continue
		}
		s := newSettings()
		o, _ := s.options.find(o.name)
		before := fieldOf(s.capture.captureOptions(bucket.NewMem(), nil, form.Hooks{}), o.field)
		if err := o.value.Set(values[o.name]); err != nil {
			t.Fatalf("--%s: no value in the test that is not the default: %v", o.name, err)
		}
		after := fieldOf(s.capture.captureOptions(bucket.NewMem(), nil, form.Hooks{}), o.field)
		if reflect.DeepEqual(before, after) {
			t.Errorf("--%s does not change Options.%s, which stays %v", o.name, o.field, before)
		}
		delete(values, o.name)
	}
	if len(values) > 0 {
		t.Errorf("no such options: %v", values)
	}
}

func fieldOf(o form.Options, path string) any {
	v := reflect.ValueOf(o)
	for name := range strings.SplitSeq(path, ".") {
		v = v.FieldByName(name)
	}
	return v.Interface()
}

func TestOptionsAreWellFormed(t *testing.T) {
	names := map[string]bool{}
	for _, o := range runOptions().all() {
		for _, n := range []string{o.name, o.alias, o.env} {
			if n != "" && names[n] {
				t.Errorf("%s is used twice", n)
			}
			names[n] = true
		}
		if !o.envOnly && o.isSwitch() != (o.arg == "") {
			t.Errorf("--%s: a switch has no argument in the help, any other option has one", o.name)
		}
		if o.help == "" || strings.HasSuffix(o.help, ".") {
			t.Errorf("--%s: the help %q is not as option.help says", o.name, o.help)
		}
		if o.envOnly && o.env == "" {
			t.Errorf("--%s can be given in no way", o.name)
		}
	}
}

// TestNoSecretHasAFlag: every user of a machine sees the command lines.
func TestNoSecretHasAFlag(t *testing.T) {
	for _, n := range flagNames(runCommand(console{}).Flags()) {
		if strings.Contains(n, "password") || strings.Contains(n, "token") || n == "nats-user" {
			t.Errorf("there is a flag --%s", n)
		}
	}
}
