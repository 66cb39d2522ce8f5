package jetcapture

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/codec"
)

// Validate reports everything that is wrong with the options, joined; each problem is one line that names the field. It changes nothing.
func (o *Options[P, K]) Validate() error {
	var problems []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	archive, store := o.Archive.Bucket != nil, o.Store != nil
	add(o.NATSStreamName == "", "NATSStreamName: a stream name is required")
	add(strings.ContainsAny(o.NATSStreamName, " \t\r\n.*>/\\"), "NATSStreamName: %q is no name of a stream", o.NATSStreamName)
	add(strings.ContainsAny(o.NATSConsumerName, " \t\r\n.*>/\\"), "NATSConsumerName: %q is no name of a consumer", o.NATSConsumerName)
	add(o.MessageDecoder == nil, "MessageDecoder: a function is required")
	add(o.WriterFactory == nil, "WriterFactory: a function is required")
	add(!archive && !store, "Archive or Store: one of the two is required")
	add(archive && store, "Archive and Store: only one of the two can be set, they keep different promises")
	add(store && o.NATSConsumerName == "", "NATSConsumerName: a capture with a Store reads through a durable consumer, name it")
	add(store && o.Poison == PoisonDeadLetter && o.DeadLetters == nil, "DeadLetters: required with the poison policy dead-letter and a Store")
	add(store && o.Start != Start{}, "Start: a capture with a Store starts where its consumer is")
	add(archive && o.NATSConsumerName != "" && o.Start != Start{}, "Start: a durable consumer starts at its ack floor, only all is possible")
	add(archive && o.DeadLetters != nil, "DeadLetters: an archive keeps its dead letters itself")
	for _, p := range o.ranges() {
		add(p.bad, "%s: %s", p.field, p.why)
	}
	problems = append(problems, o.words()...)
	return errors.Join(problems...)
}

// words checks the options that are one of a few words, or a text with a form.
func (o *Options[P, K]) words() (problems []error) {
	name := string(o.withDefaults().Compression)
	if _, err := codec.New(name, 0); err != nil {
		problems = append(problems, fmt.Errorf("Compression: %w", err))
	} else if _, err := codec.New(name, o.CompressionLevel); err != nil {
		problems = append(problems, fmt.Errorf("CompressionLevel: %w", err))
	}
	switch o.Poison {
	case "", PoisonFail, PoisonDeadLetter, PoisonSkip:
	default:
		problems = append(problems, fmt.Errorf("Poison: %q is none of fail, dead-letter, skip", o.Poison))
	}
	if !o.suffixFits() {
		problems = append(problems, fmt.Errorf("Suffix: %q is no suffix of a file name: use letters and digits, %d at most", o.Suffix, maxSuffix))
	}
	if p := o.Start.problem(); p != "" {
		problems = append(problems, errors.New(p))
	}
	problems = append(problems, o.names()...)
	return append(problems, o.filterProblems()...)
}

// names checks what is told from others by its name.
func (o *Options[P, K]) names() (problems []error) {
	if o.Archive.Bucket == nil {
		return nil
	}
	if name := o.withDefaults().Archive.Capture; name != "" { // else the stream's name is missing
		if err := cutlog.CheckCapture(cutlog.EscapeSegment(name)); err != nil {
			problems = append(problems, fmt.Errorf("Archive.Capture: %w", err))
		}
	}
	if name := o.Archive.Instance; !isInstance(name) {
		problems = append(problems, fmt.Errorf("Archive.Instance: %q is no name: use at most %d of the characters A-Z a-z 0-9 _ -", name, maxInstance))
	}
	return problems
}

// suffixFits reports whether a file name may end in the suffix; one of an archive must be a name that every store takes.
func (o *Options[P, K]) suffixFits() bool {
	suffix := strings.TrimPrefix(o.Suffix, ".")
	if suffix == "" || o.Store != nil {
		return !strings.ContainsAny(suffix, "/\\\x00")
	}
	return len(suffix) <= maxSuffix && !strings.Contains(suffix, "/") && cutlog.CheckName("x."+suffix) == nil
}

// bound is a range check of one field.
type bound struct {
	field string
	bad   bool
	why   string
}

func (o *Options[P, K]) ranges() []bound {
	const negative = "must not be negative"
	return []bound{
		{"MaxAge", o.MaxAge < 0, negative},
		{"MaxMessages", o.MaxMessages < 0, negative},
		{"MaxBytes", o.MaxBytes < 0, negative},
		{"MaxIdle", o.MaxIdle < 0, negative},
		{"Grace", o.Grace < 0, negative},
		{"DrainTimeout", o.DrainTimeout < 0, negative},
		{"MemoryLimit", o.MemoryLimit < 0, negative},
		{"SpoolLimit", o.SpoolLimit < 0, negative},
		{"DecodeWorkers", o.DecodeWorkers < 0, negative},
		{"StoreWorkers", o.StoreWorkers < 0, negative},
		{"Archive.Takeover", o.Archive.Takeover < 0, negative},
	}
}

// withDefaults returns a copy in which every zero that means a default is that default.
func (o *Options[P, K]) withDefaults() Options[P, K] {
	d := *o
	orDefault(&d.Compression, None)
	orDefault(&d.MaxAge, DefaultMaxAge)
	orDefault(&d.TempDir, os.TempDir())
	orDefault(&d.Grace, DefaultGrace)
	d.Grace = min(d.Grace, d.MaxAge)
	orDefault(&d.DrainTimeout, DefaultDrainTimeout)
	orDefault(&d.MemoryLimit, DefaultMemoryLimit)
	orDefault(&d.SpoolLimit, DefaultSpoolLimit)
	orDefault(&d.DecodeWorkers, 1)
	orDefault(&d.StoreWorkers, DefaultStoreWorkers)
	orDefault(&d.Poison, PoisonFail)
	orDefault(&d.APIPrefix, "$JS.API")
	orDefault(&d.Archive.Takeover, DefaultTakeover)
	orDefault(&d.Archive.Capture, d.NATSStreamName)
	d.Suffix = strings.TrimPrefix(d.Suffix, ".")
	d.FilterSubjects = o.filter()
	d.Settings = maps.Clone(o.Settings)
	return d
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
