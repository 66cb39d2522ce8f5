package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/place"
	"github.com/jetcapture/jetcapture/internal/source"
)

// captureSettings say what a capture does: what it reads, what it makes of that, and where it puts it.
type captureSettings struct {
	library   form.Options // what has a field there
	form      form.Form
	bySubject bool     // check makes a key of it
	csvHeader bool     // effective puts it into the form
	leaveOut  []string // subjects that a conversion skips
	paths     place.Paths
	output    string // folder, or URL of a store
	slice     seqRange
}

// newCaptureSettings returns the library's defaults with those of the command laid over them.
func newCaptureSettings() captureSettings {
	s := captureSettings{
		library: *jetcapture.DefaultOptions[form.Row, form.Key](),
		form: form.Form{
			Format: form.NDJSON, Record: form.RecordMessage, Payload: form.PayloadBytes, Mismatch: form.Rescue,
		},
		csvHeader: true,
		paths:     place.Paths{Layout: place.Default, Zone: time.UTC},
	}
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

// name is that of the capture in the archive.
func (s *captureSettings) name() string {
	if s.library.Archive.Capture == "" {
		return s.library.NATSStreamName
	}
	return s.library.Archive.Capture
}

// check completes the settings and returns what is wrong with them, but for what the library says.
func (s *captureSettings) check(c *choices) (problems []error) {
	if s.output == "" && c.accepted("output") {
		problems = append(problems, errors.New("--output: a place for the archive is required, a folder or a URL"))
	}
	if s.bySubject && len(s.form.Keys) > 0 {
		problems = append(problems, errors.New(
			"--group-by-subject: it is the same as --key subject, give it as one of the keys, in the order of the directories"))
	} else if s.bySubject {
		subject, _ := source.ParseNamed("subject") // always parses
		s.form.Keys = []source.Named{subject}
	}
	problems = append(problems, s.checkSlice(c)...)
	if dir := s.library.TempDir; dir != "" && s.library.BufferToDisk {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			problems = append(problems, fmt.Errorf("--tmp-dir: %q is not an existing folder; make it, or name another", dir))
		}
	}
	return append(problems, s.checkForm(c)...)
}

// checkSlice makes a capture of a range of the settings, if there is a range.
func (s *captureSettings) checkSlice(c *choices) []error {
	if s.slice == (seqRange{}) {
		return nil
	}
	if s.slice.first == 0 || s.slice.last == 0 {
		return []error{errors.New("--range: give both ends, as in 1..1000000; --start is for what has no end")}
	}
	if c.chosen("start") {
		return []error{errors.New("--range: says where the capture begins, give no --start beside it")}
	}
	s.library.Start.Seq, s.library.Until = s.slice.first, s.slice.last
	if s.library.Archive.Capture == "" && s.library.NATSStreamName != "" {
		s.library.Archive.Capture = fmt.Sprintf("%s-%d-%d", s.library.NATSStreamName, s.slice.first, s.slice.last)
	}
	return nil
}

// checkForm returns what is wrong with keys, directories and form.
func (s *captureSettings) checkForm(c *choices) (problems []error) {
	f, _ := s.effective()
	if s.paths.Template != "" && c.chosen("layout") {
		problems = append(problems, errors.New("--path: says all of the directories, give no --layout beside it"))
	}
	if c.accepted("key", "layout") {
		if _, _, err := s.paths.Resolve(s.form.Keys); err != nil {
			problems = append(problems, err)
		}
	}
	if c.accepted("key", "path", "timezone", "max-age") {
		if err := s.paths.CheckZone(s.form.Keys, s.library.MaxAge); err != nil {
			problems = append(problems, err)
		}
	}
	if c.accepted("format", "record", "column", "compression", "compression-level") {
		problems = append(problems, f.Check(c.chosen)...)
	}
	if f.IsTable() && f.Mismatch == form.DeadLetter && s.library.Poison != jetcapture.PoisonDeadLetter {
		problems = append(problems, errors.New("--on-mismatch dead-letter: needs --on-poison dead-letter"))
	}
	return problems
}

// effective returns the form and the library's options with the compression where it belongs: inside of packed formats,
// else around the file.
func (s *captureSettings) effective() (form.Form, form.Options) {
	f, o := s.form, s.library
	f.CSVNoHeader = !s.csvHeader
	if keys, layout, err := s.paths.Resolve(f.Keys); err == nil {
		f.Keys, o.Archive.Layout = keys, layout
	}
	o.Compression = s.compression()
	if f.Format.Packed() {
		f.Codec, f.Level = o.Compression, o.CompressionLevel
		o.Compression, o.CompressionLevel = jetcapture.None, 0
	}
	return f, o
}

// compression is the codec, or that of the format if none was chosen.
func (s *captureSettings) compression() jetcapture.Compression {
	switch {
	case s.library.Compression != "":
		return s.library.Compression
	case s.form.Format == form.Parquet:
		return jetcapture.Zstd
	}
	return jetcapture.GZip
}

// watch returns what warns of options that do not fit the messages.
func (s *captureSettings) watch(log *slog.Logger) *form.Watch {
	f, _ := s.effective()
	return form.NewWatch(f, form.Notice{
		NoValue: func(option string, messages int) {
			log.Warn("no message so far has had a value there: is it spelled as in the messages?",
				"option", option, "messages", messages, "capture", s.name())
		},
		NotText: func() {
			log.Warn("a payload is not text, and lines of it cannot be read back for sure: "+
				"--record message, or --format raw, parquet or avro, keeps every payload as it is", "capture", s.name())
		},
	})
}

// captureOptions returns the library's options for an archive in b.
func (s *captureSettings) captureOptions(b bucket.Bucket, log *slog.Logger, hooks form.Hooks) form.Options {
	f, o := s.effective()
	o.Settings = map[string]string{cutlog.SettingLayout: s.paths.String()}
	o = f.Apply(o, hooks)
	o.Archive.Bucket = b
	o.Archive.Segments = form.Key.Segments
	if len(s.leaveOut) > 0 {
		leaveOut(&o, s.leaveOut)
	}
	o.Logger = log
	o.ForPlan = func(planned map[string]string) (form.Options, error) {
		return form.ForPlan(o, cutlog.Settings(planned), hooks)
	}
	return o
}
