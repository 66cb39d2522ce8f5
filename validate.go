package jetcapture

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/exactlyonce"
)

// OptionError is one problem of Options, found by Validate.
type OptionError struct {
	Field  string // name of the field, such as "MaxAge" or "Archive.Capture"
	Reason string // one line without a full stop
}

// Error returns the field, a colon and the reason.
func (e *OptionError) Error() string { return e.Field + ": " + e.Reason }

// Validate reports everything that is wrong with the options. Its error joins an *OptionError for each problem. It
// neither changes the options nor connects to anything.
func (o *Options[P, K]) Validate() error {
	p := &problems{}
	o.checkRequired(p)
	o.checkPromise(p)
	o.checkRanges(p)
	o.checkWords(p)
	o.checkNames(p)
	o.checkFilter(p)
	return errors.Join(p.all...)
}

// problems collects what is wrong with options.
type problems struct{ all []error }

func (p *problems) add(field, format string, args ...any) {
	p.all = append(p.all, &OptionError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

func (p *problems) addIf(bad bool, field, format string, args ...any) {
	if bad {
		p.add(field, format, args...)
	}
}

func (o *Options[P, K]) checkRequired(p *problems) {
	const forbidden = " \t\r\n.*>/\\"
	const allowed = "it must not contain blanks, slashes or any of . * >"
	p.addIf(o.NATSStreamName == "", "NATSStreamName", "a stream name is required")
	p.addIf(strings.ContainsAny(o.NATSStreamName, forbidden), "NATSStreamName",
		"%q is not the name of a stream: %s", o.NATSStreamName, allowed)
	p.addIf(strings.ContainsAny(o.NATSConsumerName, forbidden), "NATSConsumerName",
		"%q is not the name of a consumer: %s", o.NATSConsumerName, allowed)
	p.addIf(o.MessageDecoder == nil, "MessageDecoder", "a function is required")
	p.addIf(o.WriterFactory == nil, "WriterFactory", "a function is required")
}

// checkPromise checks the fields that are for an archive only, or for a Store only.
func (o *Options[P, K]) checkPromise(p *problems) {
	archive, store := o.Archive.Bucket != nil, o.Store != nil
	p.addIf(!archive && !store, "Archive or Store", "one of the two is required")
	p.addIf(archive && store, "Archive and Store", "only one of the two can be set, they keep different promises")
	p.addIf(store && o.NATSConsumerName == "", "NATSConsumerName",
		"a capture with a Store reads through a durable consumer, name it")
	p.addIf(store && o.Poison == PoisonDeadLetter && o.DeadLetters == nil, "DeadLetters",
		"required with the poison policy dead-letter and a Store")
	p.addIf(store && o.Start != Start{}, "Start", "a capture with a Store starts where its consumer is")
	p.addIf(o.Until > 0 && (store || o.NATSConsumerName != ""), "Until",
		"a range is captured into an archive, without a durable consumer: others may have got messages of it")
	p.addIf(o.Until > 0 && o.Until < o.Start.Seq, "Until", "%d is before the start, %d", o.Until, o.Start.Seq)
	p.addIf(archive && o.NATSConsumerName != "" && o.Start != Start{}, "Start",
		"a durable consumer starts at its ack floor, only all is possible")
	p.addIf(store && o.Sample > 0, "Sample", "a rehearsal needs an archive, such as one in bucket.NewMem")
	p.addIf(archive && o.DeadLetters != nil, "DeadLetters", "an archive keeps its dead letters itself")
}

func (o *Options[P, K]) checkRanges(p *problems) {
	for _, limit := range []struct {
		field    string
		negative bool
	}{
		{"MaxAge", o.MaxAge < 0},
		{"MaxMessages", o.MaxMessages < 0},
		{"MaxBytes", o.MaxBytes < 0},
		{"MaxIdle", o.MaxIdle < 0},
		{"Grace", o.Grace < 0},
		{"DrainTimeout", o.DrainTimeout < 0},
		{"Wait", o.Wait < 0},
		{"MemoryLimit", o.MemoryLimit < 0},
		{"SpoolLimit", o.SpoolLimit < 0},
		{"DecodeWorkers", o.DecodeWorkers < 0},
		{"StoreWorkers", o.StoreWorkers < 0},
		{"Sample", o.Sample < 0},
		{"Archive.Takeover", o.Archive.Takeover < 0},
	} {
		p.addIf(limit.negative, limit.field, "must not be negative")
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"MaxAge", o.MaxAge},
		{"MaxIdle", o.MaxIdle},
		{"Grace", o.Grace},
		{"DrainTimeout", o.DrainTimeout},
		{"Wait", o.Wait},
		{"Archive.Takeover", o.Archive.Takeover},
	} { // a number without a unit is one of nanoseconds
		p.addIf(d.value > 0 && d.value < time.Microsecond, d.field,
			"%v is too short, did you mean %d*time.Second or %d*time.Minute?", d.value, d.value, d.value)
	}
}

// checkWords checks the fields whose texts are restricted, and Start.
func (o *Options[P, K]) checkWords(p *problems) {
	_, err := codec.New(string(o.withDefaults().Compression), o.CompressionLevel)
	switch level := (*codec.LevelError)(nil); {
	case errors.As(err, &level):
		p.add("CompressionLevel", "%v", err)
	case err != nil:
		p.add("Compression", "%v", err)
	}
	switch o.Poison {
	case "", PoisonFail, PoisonDeadLetter, PoisonSkip:
	default:
		p.add("Poison", "unknown policy %q: use one of fail, dead-letter, skip", o.Poison)
	}
	p.addIf(!o.suffixFits(), "Suffix",
		"%q cannot end a file name: use at most %d letters and digits", o.Suffix, maxSuffix)
	p.addIf(o.Start.ambiguous(), "Start", "only one of New, Seq and Time can be set")
}

// checkNames checks the names of the capture and of the instance in an archive.
func (o *Options[P, K]) checkNames(p *problems) {
	if o.Archive.Bucket == nil {
		return
	}
	if name := o.withDefaults().Archive.Capture; name != "" { // if it is empty, so is the stream's name
		if err := cutlog.CheckCapture(cutlog.EscapeSegment(name)); err != nil {
			p.add("Archive.Capture", "%v", err)
		}
	}
	name := o.Archive.Instance
	p.addIf(!exactlyonce.ValidInstance(name), "Archive.Instance",
		"%q is not a name: use at most %d of the characters A-Z a-z 0-9 _ -", name, exactlyonce.MaxInstance)
}

// suffixFits reports whether a file name may end in the suffix. In an archive, every store must take such a name.
func (o *Options[P, K]) suffixFits() bool {
	suffix := strings.TrimPrefix(o.Suffix, ".")
	if suffix == "" || o.Store != nil {
		return !strings.ContainsAny(suffix, "/\\\x00")
	}
	return len(suffix) <= maxSuffix && !strings.Contains(suffix, "/") && cutlog.CheckName("x."+suffix) == nil
}

// withDefaults returns a copy in which zero values that mean a default are replaced by it, the suffix has no leading
// dot, and the filter is sorted.
func (o *Options[P, K]) withDefaults() Options[P, K] {
	d := *o
	orDefault(&d.Compression, None)
	orDefault(&d.MaxAge, DefaultMaxAge)
	orDefault(&d.TempDir, os.TempDir())
	orDefault(&d.Grace, DefaultGrace)
	d.Grace = min(d.Grace, d.MaxAge)
	orDefault(&d.DrainTimeout, DefaultDrainTimeout)
	orDefault(&d.Wait, DefaultWait)
	if d.Budget != nil {
		d.MemoryLimit, d.SpoolLimit = d.Budget.memory, d.Budget.disk
	}
	orDefault(&d.MemoryLimit, DefaultMemoryLimit)
	orDefault(&d.SpoolLimit, DefaultSpoolLimit)
	orDefault(&d.DecodeWorkers, 1)
	orDefault(&d.StoreWorkers, DefaultStoreWorkers)
	orDefault(&d.Poison, PoisonFail)
	orDefault(&d.APIPrefix, "$JS.API")
	orDefault(&d.Archive.Takeover, DefaultTakeover)
	orDefault(&d.Archive.Capture, d.NATSStreamName)
	d.Suffix = strings.TrimPrefix(d.Suffix, ".")
	d.Once = d.Once || d.Sample > 0
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
