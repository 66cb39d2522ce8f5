package jetcapture_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/nats-io/nats.go/jetstream"
)

// sound are options with which nothing is wrong.
func sound() options {
	return options{
		NATSStreamName: "S", Archive: jetcapture.ArchiveOptions[string]{Bucket: bucket.NewMem()},
		MessageDecoder: jetcapture.NatsToNats(jetcapture.SubjectToDestKey),
		WriterFactory:  func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] { return nil },
	}
}

// withStore are sound options for a Store.
func withStore() options {
	return with(sound(), func(o *options) {
		o.Archive.Bucket, o.Store, o.NATSConsumerName = nil, jetcapture.SingleDirStore[string]("x"), "C"
	})
}

func TestValidate(t *testing.T) {
	letters := func(context.Context, jetcapture.DeadLetter) error { return nil }
	for field, c := range map[string]struct {
		base   func() options
		change func(o *options)
	}{
		"NATSStreamName: none":           {sound, func(o *options) { o.NATSStreamName = "" }},
		"NATSStreamName: ":               {sound, func(o *options) { o.NATSStreamName = "a.b" }},
		"NATSConsumerName: ":             {sound, func(o *options) { o.NATSConsumerName = "a b" }},
		"NATSConsumerName: with a Store": {withStore, func(o *options) { o.NATSConsumerName = "" }},
		"MessageDecoder: ":               {sound, func(o *options) { o.MessageDecoder = nil }},
		"WriterFactory: ":                {sound, func(o *options) { o.WriterFactory = nil }},
		"Archive or Store: ":             {sound, func(o *options) { o.Archive.Bucket = nil }},
		"Archive and Store: ":            {withStore, func(o *options) { o.Archive.Bucket = bucket.NewMem() }},
		"DeadLetters: required":          {withStore, func(o *options) { o.Poison = jetcapture.PoisonDeadLetter }},
		"DeadLetters: an archive":        {sound, func(o *options) { o.DeadLetters = letters }},
		"Start: a capture with a Store":  {withStore, func(o *options) { o.Start.New = true }},
		"Start: only one":                {sound, func(o *options) { o.Start = jetcapture.Start{New: true, Seq: 1} }},
		"Compression: unknown":           {sound, func(o *options) { o.Compression = "rar" }},
		"CompressionLevel: ": {sound, func(o *options) {
			o.Compression, o.CompressionLevel = jetcapture.GZip, 10
		}},
		"Poison: ":                           {sound, func(o *options) { o.Poison = "ignore" }},
		"Suffix: slash":                      {sound, func(o *options) { o.Suffix = "a/b" }},
		"Suffix: blank":                      {sound, func(o *options) { o.Suffix = "a b" }},
		"Suffix: dot":                        {sound, func(o *options) { o.Suffix = "json." }},
		"Suffix: long":                       {sound, func(o *options) { o.Suffix = strings.Repeat("x", 40) }},
		"FilterSubjects: ":                   {sound, func(o *options) { o.FilterSubjects = []string{"a", ""} }},
		"MaxAge: ":                           {sound, func(o *options) { o.MaxAge = -1 }},
		"MaxAge: 5ns":                        {sound, func(o *options) { o.MaxAge = 5 }},
		"MaxMessages: ":                      {sound, func(o *options) { o.MaxMessages = -1 }},
		"MaxBytes: ":                         {sound, func(o *options) { o.MaxBytes = -1 }},
		"MaxIdle: ":                          {sound, func(o *options) { o.MaxIdle = -1 }},
		"Grace: ":                            {sound, func(o *options) { o.Grace = -1 }},
		"DrainTimeout: ":                     {sound, func(o *options) { o.DrainTimeout = -1 }},
		"MemoryLimit: ":                      {sound, func(o *options) { o.MemoryLimit = -1 }},
		"SpoolLimit: ":                       {sound, func(o *options) { o.SpoolLimit = -1 }},
		"DecodeWorkers: ":                    {sound, func(o *options) { o.DecodeWorkers = -1 }},
		"StoreWorkers: ":                     {sound, func(o *options) { o.StoreWorkers = -1 }},
		"Archive.Takeover: ":                 {sound, func(o *options) { o.Archive.Takeover = -1 }},
		"Archive.Instance: blank":            {sound, func(o *options) { o.Archive.Instance = "a b" }},
		"Archive.Instance: long":             {sound, func(o *options) { o.Archive.Instance = strings.Repeat("x", 65) }},
		"Archive.Capture: long":              {sound, func(o *options) { o.Archive.Capture = strings.Repeat("x", 65) }},
		"Archive.Capture: the stream's name": {sound, func(o *options) { o.NATSStreamName = strings.Repeat("x", 65) }},
		"Start: a durable consumer":          {sound, func(o *options) { o.NATSConsumerName, o.Start.Seq = "C", 7 }},
	} {
		t.Run(field, func(t *testing.T) {
			o := with(c.base(), c.change)
			err := o.Validate()
			name, _, _ := strings.Cut(field, ": ")
			if err == nil || !strings.HasPrefix(err.Error(), name+": ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("Validate = %v", err)
			}
		})
	}
	for name, base := range map[string]func() options{"archive": sound, "store": withStore} {
		o := base()
		if err := o.Validate(); err != nil {
			t.Errorf("%s: Validate = %v", name, err)
		}
	}
}

// TestFilterIsWhatServersTake: Validate accepts exactly the filters that a server accepts.
func TestFilterIsWhatServersTake(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		subjects string
		good     bool
	}{
		{"s.a", true},
		{">", true},
		{"*", true},
		{"s.*", true},
		{"s.>", true},
		{"*.a,s.*", true},
		{"s.a,s.b", true},
		{"s.*.a,s.*", true},
		{"s.a>", true},
		{"s..a", false},
		{".a", false},
		{"s.", false},
		{"s.>.a", false},
		{"s. .a", false},
		{"s.a b", false},
		{"s.\ta", false},
		{"s.>,s.a", false},
		{"s.*,s.a", false},
		{">,s.*", false},
		{"s.*.*,s.*.a", false},
		{"s.>,s.*.>", false},
	} {
		o := with(sound(), func(o *options) { o.FilterSubjects = strings.Split(c.subjects, ",") })
		if err := o.Validate(); (err == nil) != c.good {
			t.Errorf("%q: Validate = %v", c.subjects, err)
		}
		cfg := jetstream.ConsumerConfig{FilterSubjects: o.FilterSubjects, AckPolicy: jetstream.AckExplicitPolicy}
		_, err := r.stream().CreateConsumer(t.Context(), cfg)
		if (err == nil) != c.good {
			t.Errorf("%q: the server says %v", c.subjects, err)
		}
	}
	r.publish(6, "s.a", "s.b", "s.c")
	s := capture(r, with(r.options(), func(o *options) { o.FilterSubjects = []string{"s.b", "s.a", "s.b"} }))
	if s.Messages != 4 {
		t.Errorf("one subject twice: %+v", s)
	}
}

// TestValidateReportsEverything: Validate reports each problem on a line of its own, and Run validates first.
func TestValidateReportsEverything(t *testing.T) {
	o := options{
		MaxAge: -1, MaxMessages: -1, Poison: "x", Compression: "x", StoreWorkers: -1, FilterSubjects: []string{""},
	}
	err := o.Validate()
	if err == nil {
		t.Fatal("Validate = nil")
	}
	want := []string{
		"Archive or Store", "Compression", "FilterSubjects", "MaxAge", "MaxMessages", "MessageDecoder",
		"NATSStreamName", "Poison", "StoreWorkers", "WriterFactory",
	}
	var fields []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		field, _, _ := strings.Cut(line, ":")
		fields = append(fields, field)
	}
	slices.Sort(fields)
	if !slices.Equal(fields, want) {
		t.Errorf("problems %q, want %q", fields, want)
	}
	if got := o.Build().Run(t.Context(), nil); got == nil || !strings.Contains(got.Error(), err.Error()) {
		t.Errorf("Run = %v", got)
	}
}

// TestValidateChangesNothing: Validate, Build and New do not change the options.
func TestValidateChangesNothing(t *testing.T) {
	o := sound()
	before := o
	_ = o.Validate()
	_ = o.Build()
	_ = jetcapture.New(o)
	before.MessageDecoder, before.WriterFactory = nil, nil // functions are never equal
	o.MessageDecoder, o.WriterFactory = nil, nil
	if !reflect.DeepEqual(o, before) { //nolint:govet // they hold no errors
		t.Errorf("options %+v, before %+v", o, before)
	}
}

// TestOptionsAreCopied: a capture does not see later changes of its options.
func TestOptionsAreCopied(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	o := r.options()
	c := o.Build()
	o.NATSStreamName, o.Archive.Bucket = "OTHER", nil
	if err := c.Run(natsContext(t), r.nc); err != nil {
		t.Fatal(err)
	}
	r.wantAll()
	if s := c.Stats(); s.Messages != 10 {
		t.Errorf("stats %+v", s)
	}
}

func TestStartText(t *testing.T) {
	at := time.Date(2026, 11, 23, 15, 0, 0, 500, time.UTC)
	for text, want := range map[string]jetcapture.Start{
		"": {}, "all": {}, "new": {New: true}, "17": {Seq: 17},
		"2026-11-23T15:00:00.0000005Z": {Time: at}, "2026-11-23T16:00:00.0000005+01:00": {Time: at},
	} {
		got, err := jetcapture.ParseStart(text)
		got.Time = got.Time.UTC()
		if err != nil || got != want {
			t.Errorf("ParseStart(%q) = %+v, %v, want %+v", text, got, err, want)
		}
		again, err := jetcapture.ParseStart(got.String())
		again.Time = again.Time.UTC()
		if err != nil || again != got {
			t.Errorf("ParseStart(%q) = %+v, %v, want %+v", got.String(), again, err, got)
		}
	}
	for _, text := range []string{"0", "-1", "yesterday", "2026-11-23", "1e3", "18446744073709551616"} {
		if got, err := jetcapture.ParseStart(text); err == nil {
			t.Errorf("ParseStart(%q) = %+v", text, got)
		}
	}
}

func TestProblemsNameTheirField(t *testing.T) {
	o := with(sound(), func(o *options) { o.MaxAge, o.Archive.Instance = -1, "a b" })
	joined, ok := o.Validate().(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("Validate = %T, want joined errors", o.Validate())
	}
	var fields []string
	for _, err := range joined.Unwrap() {
		var problem *jetcapture.OptionError
		if !errors.As(err, &problem) || problem.Reason == "" {
			t.Errorf("problem %v, want an OptionError with a reason", err)
			continue
		}
		fields = append(fields, problem.Field)
	}
	if want := []string{"MaxAge", "Archive.Instance"}; !slices.Equal(fields, want) {
		t.Errorf("fields %q, want %q", fields, want)
	}
}
