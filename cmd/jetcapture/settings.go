package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/source"
)

// captureOptions are the library's options as the command uses them.
type captureOptions = jetcapture.Options[row, key]

// origin says how an option came to its value. A greater one overrides.
type origin int

const (
	byDefault origin = iota
	byFile
	byEnvironment
	byFlag
)

// settings are everything that the options of the command run say.
type settings struct {
	name      string // of one of several captures
	config    string // file
	expandEnv bool   // of the file
	library   captureOptions
	form      form
	bySubject bool
	csvHeader bool
	paths     paths
	output    string // folder, or URL of a store
	nats      connection
	logLevel  slog.Level
	logJSON   bool
	json      bool
	given     map[string]origin // by option name
	unread    map[string]bool   // by option name: values that were refused
}

// defaults returns the library's defaults with what the command has otherwise laid over them.
func defaults() *settings {
	s := &settings{library: *jetcapture.DefaultOptions[row, key](), form: form{
		format: formatNDJSON, record: recordMessage, payload: payloadBytes, mismatch: mismatchRescue, mismatched: new(atomic.Int64),
	}, csvHeader: true, expandEnv: true, paths: paths{layout: layoutDefault, zone: time.UTC}, given: map[string]origin{}, unread: map[string]bool{}}
	s.library.Compression = "" // depends on the format
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
	if s.output == "" && s.read("output") {
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
	problems = append(problems, s.formProblems()...)
	problems = append(problems, s.connectionProblems()...)
	// Only the store is still missing in the library's options; it is opened when nothing else is wrong.
	o := s.captureOptions(bucket.NewMem(), nil)
	return append(problems, inFlags(o.Validate())...)
}

// formProblems says what is wrong with the form.
func (s *settings) formProblems() (problems []error) {
	f, _ := s.effective()
	if s.paths.template != "" && s.chosen("layout") {
		problems = append(problems, errors.New("--path: says all of the directories, give no --layout beside it"))
	}
	if s.read("key", "layout") {
		if _, _, err := s.paths.resolve(s.form.keys); err != nil {
			problems = append(problems, err)
		}
	}
	if s.read("format", "record", "column", "compression", "compression-level") {
		problems = append(problems, f.problems(s.chosen)...)
	}
	if f.isTable() && f.mismatch == mismatchDeadLetter && s.library.Poison != jetcapture.PoisonDeadLetter {
		problems = append(problems, errors.New("--on-mismatch dead-letter: needs --on-poison dead-letter"))
	}
	return problems
}

// read reports whether no value of the options was refused. If one was, what follows from its absence is not worth telling.
func (s *settings) read(options ...string) bool {
	return !slices.ContainsFunc(options, func(name string) bool { return s.unread[name] })
}

// chosen reports whether the user gave an option another value than its default.
func (s *settings) chosen(name string) bool {
	for _, o := range allOptions() {
		if o.name == name {
			return s.given[name] != byDefault && o.of(s).String() != o.of(defaults()).String()
		}
	}
	return false
}

// effective returns the form and the library's options with the compression where it belongs: inside of packed formats, else around the file.
func (s *settings) effective() (form, captureOptions) {
	f, o := s.form, s.library
	f.csvNoHeader = !s.csvHeader
	if keys, layout, err := s.paths.resolve(f.keys); err == nil {
		f.keys, o.Archive.Layout = keys, layout
	}
	o.Compression = s.compression()
	if f.format.packed() {
		f.codec, f.level = o.Compression, o.CompressionLevel
		o.Compression, o.CompressionLevel = jetcapture.None, 0
	}
	return f, o
}

// compression is the codec, or that of the format if none was chosen.
func (s *settings) compression() jetcapture.Compression {
	switch {
	case s.library.Compression != "":
		return s.library.Compression
	case s.form.format == formatParquet:
		return jetcapture.Zstd
	}
	return jetcapture.GZip
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
	for _, one := range joined(err) {
		var problem *jetcapture.OptionError
		if errors.As(one, &problem) && flags[problem.Field] != "" {
			one = fmt.Errorf("%s: %s", flags[problem.Field], problem.Reason)
		}
		problems = append(problems, one)
	}
	return problems
}

// joined are the errors that errors.Join has joined.
func joined(err error) []error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return several.Unwrap()
	}
	return []error{err}
}

// captureOptions returns the library's options for an archive in b.
func (s *settings) captureOptions(b bucket.Bucket, log *slog.Logger) captureOptions {
	f, o := s.effective()
	o = f.apply(o)
	o.Archive.Bucket = b
	o.Archive.Segments = key.segments
	o.Logger = log
	o.ForPlan = func(planned map[string]string) (captureOptions, error) { return forPlan(o, planned) }
	return o
}

// forPlan returns the options under which a cut was planned, which may be those of an earlier start with other flags.
func forPlan(o captureOptions, planned cutlog.Settings) (captureOptions, error) {
	if !planned.Command() {
		return o, fmt.Errorf("decoder version %q planned it, this is %q: start once with the jetcapture that planned it",
			planned[cutlog.SettingDecoderVersion], cutlog.CommandVersion)
	}
	f, err := formOf(planned)
	if err != nil {
		return o, err
	}
	o.Compression = jetcapture.Compression(planned.Compression())
	if o.CompressionLevel, err = planned.CompressionLevel(); err != nil {
		return o, err
	}
	return f.apply(o), nil
}

// formOf reads the form back from a plan's settings.
func formOf(planned cutlog.Settings) (f form, err error) {
	get := planned.User
	f = form{
		format: format(get(cutlog.SettingFormat)), record: record(get(cutlog.SettingRecord)), payload: payloadType(get(cutlog.SettingPayload)),
		mismatch: cmp.Or(mismatchPolicy(get(cutlog.SettingMismatch)), mismatchDeadLetter),
		csvNull:  get(cutlog.SettingCSVNull), csvNoHeader: !planned.CSVHeader(),
		codec: jetcapture.Compression(get(cutlog.SettingCodec)),
	}
	if !slices.Contains(formats(), f.format) {
		return f, fmt.Errorf("format %q is not known to this jetcapture", f.format)
	}
	if f.record != "" && !slices.Contains(records(), f.record) {
		return f, fmt.Errorf("record %q is not known to this jetcapture", f.record)
	}
	if f.level, err = planned.CodecLevel(); err != nil {
		return f, err
	}
	if f.columns, err = parseAll(get(cutlog.SettingColumns), column.Parse); err != nil {
		return f, fmt.Errorf("columns: %w", err)
	}
	if f.keys, err = parseAll(get(cutlog.SettingKeys), source.ParseNamed); err != nil {
		return f, fmt.Errorf("keys: %w", err)
	}
	if f.format.packed() {
		_, err = f.packedFactory()
	}
	return f, err
}

// settings are those of the form, for the plans: what shapes the bytes of its files.
func (f form) settings() map[string]string {
	s := map[string]string{
		cutlog.SettingFormat: string(f.format), cutlog.SettingRecord: string(f.record),
		cutlog.SettingColumns: formatAll(f.columns), cutlog.SettingKeys: formatAll(f.keys),
	}
	if f.isTable() {
		s[cutlog.SettingMismatch] = string(f.mismatch)
	}
	if f.format == formatCSV {
		s[cutlog.SettingCSVNull], s[cutlog.SettingCSVHeader] = f.csvNull, strconv.FormatBool(!f.csvNoHeader)
	}
	if f.format.packed() {
		s[cutlog.SettingCodec], s[cutlog.SettingCodecLevel], s[cutlog.SettingPayload] = string(f.codec), strconv.Itoa(f.level), string(f.payload)
	}
	return s
}

// apply returns the options with the decoder and the writer of the form.
func (f form) apply(o captureOptions) captureOptions {
	o.Suffix = string(f.format)
	o.MessageDecoder = newDecoder(f).decode
	o.WriterFactory = f.writers()
	o.DecoderVersion = cutlog.CommandVersion
	settings := f.settings()
	for name, v := range o.Settings {
		if _, ours := settings[name]; !ours {
			settings[name] = v
		}
	}
	o.Settings = settings
	return o
}
