package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/source"
)

// captureOptions are the library's options as the command uses them.
type captureOptions = jetcapture.Options[row, key]

// origin says how an option came to its value. A greater one overrides.
type origin int

const (
	byDefault origin = iota
	byEnvironment
	byFlag
)

// settings are everything that the options of the command run say.
type settings struct {
	library   captureOptions
	form      form
	bySubject bool
	output    string // folder, or URL of a store
	nats      connection
	logLevel  slog.Level
	logJSON   bool
	json      bool
	given     map[string]origin // by option name
}

// defaults returns the library's defaults with what the command has otherwise laid over them.
func defaults() *settings {
	s := &settings{library: *jetcapture.DefaultOptions[row, key](), form: form{format: formatNDJSON, record: recordMessage}, given: map[string]origin{}}
	s.library.Compression = jetcapture.GZip
	s.library.MaxBytes = 128 << 20
	s.library.BufferToDisk = true
	s.library.CreateConsumer = true
	s.library.Poison = jetcapture.PoisonDeadLetter
	s.library.DecodeWorkers = runtime.GOMAXPROCS(0)
	s.library.TempDir = "" // the library's own default depends on the machine, and a help text must not
	s.library.APIPrefix = ""
	s.library.Archive.Capture = ""
	return s
}

// check completes the settings and returns everything that is wrong with them, one line each.
func (s *settings) check() (problems []error) {
	if s.output == "" {
		problems = append(problems, errors.New("--output: a place for the archive is required, a folder or a URL"))
	}
	if s.bySubject && len(s.form.keys) > 0 {
		problems = append(problems, errors.New("--group-by-subject: it is the same as --key subject, give it as one of the keys, in the order of the directories"))
	} else if s.bySubject {
		subject, _ := source.ParseNamed("subject") // always parses
		s.form.keys = []source.Named{subject}
	}
	if dir := s.library.TempDir; dir != "" && s.library.BufferToDisk {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			problems = append(problems, fmt.Errorf("--tmp-dir: %q is no folder that exists; make it, or name another", dir))
		}
	}
	problems = append(problems, s.form.problems(s.given["record"] != byDefault)...)
	problems = append(problems, s.connectionProblems()...)
	// Only the store is still missing in the library's options; it is opened when nothing else is wrong.
	o := s.captureOptions(bucket.NewMem(), nil)
	return append(problems, inFlags(o.Validate())...)
}

// inFlags turns what the library says of its fields into what the user can change.
func inFlags(err error) (problems []error) {
	if err == nil {
		return nil
	}
	flags := map[string]string{}
	for _, o := range allOptions() {
		if o.field != "" {
			flags[o.field] = "--" + o.name
		}
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		field, rest, _ := strings.Cut(line, ": ")
		if flag := flags[field]; flag != "" {
			line = flag + ": " + rest
		}
		problems = append(problems, errors.New(line))
	}
	return problems
}

// captureOptions returns the library's options for an archive in b.
func (s *settings) captureOptions(b bucket.Bucket, log *slog.Logger) captureOptions {
	o := s.form.apply(s.library)
	o.Archive.Bucket = b
	o.Archive.Segments = key.segments
	o.Logger = log
	o.ForPlan = func(planned map[string]string) (captureOptions, error) { return forPlan(o, planned) }
	return o
}

// decoderVersion names how messages become rows, for the plans. It changes when a release makes other rows of the same settings.
const decoderVersion = "jetcapture-1"

// The names under which the settings of a form are in Options.Settings, and, with planPrefix, in a plan.
const (
	settingFormat  = "format"
	settingRecord  = "record"
	settingColumns = "columns"
	settingKeys    = "keys"
	planPrefix     = "x_"
)

// forPlan returns the options under which a cut was planned, which may be those of an earlier start with other flags.
func forPlan(o captureOptions, planned map[string]string) (captureOptions, error) {
	if v := planned["decoder_version"]; v != decoderVersion {
		return o, fmt.Errorf("decoder version %q planned it, this is %q: start once with the jetcapture that planned it", v, decoderVersion)
	}
	f, err := formOf(planned)
	if err != nil {
		return o, err
	}
	o.Compression = jetcapture.Compression(planned["compression"])
	o.CompressionLevel = 0
	if level := planned["compression_level"]; level != "" {
		if _, err := fmt.Sscan(level, &o.CompressionLevel); err != nil {
			return o, fmt.Errorf("compression level %q: %w", level, err)
		}
	}
	return f.apply(o), nil
}

// formOf reads the form back from a plan's settings.
func formOf(planned map[string]string) (form, error) {
	f := form{format: format(planned[planPrefix+settingFormat]), record: record(planned[planPrefix+settingRecord])}
	if !slices.Contains(formats(), f.format) {
		return f, fmt.Errorf("format %q is not known to this jetcapture", f.format)
	}
	if f.record != "" && !slices.Contains(records(), f.record) {
		return f, fmt.Errorf("record %q is not known to this jetcapture", f.record)
	}
	columns, err := parseSources(planned[planPrefix+settingColumns])
	if err != nil {
		return f, fmt.Errorf("columns: %w", err)
	}
	keys, err := parseSources(planned[planPrefix+settingKeys])
	if err != nil {
		return f, fmt.Errorf("keys: %w", err)
	}
	f.columns, f.keys = columns, keys
	return f, nil
}

// apply returns the options with the decoder and the writer of the form.
func (f form) apply(o captureOptions) captureOptions {
	o.Suffix = string(f.format)
	o.MessageDecoder = newDecoder(f).decode
	o.WriterFactory = f.writer
	o.DecoderVersion = decoderVersion
	o.Settings = maps.Clone(o.Settings)
	if o.Settings == nil {
		o.Settings = map[string]string{}
	}
	o.Settings[settingFormat] = string(f.format)
	o.Settings[settingRecord] = string(f.record)
	o.Settings[settingColumns] = formatSources(f.columns)
	o.Settings[settingKeys] = formatSources(f.keys)
	return o
}
