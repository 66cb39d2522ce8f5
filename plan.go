package jetcapture

import (
	"fmt"
	"maps"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/exactlyonce"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// exactlyOnce returns what the promise of an archive needs to know of the options.
func (o *Options[P, K]) exactlyOnce(observer capture.Observer) exactlyonce.Config {
	_, folder := o.Archive.Bucket.(*bucket.Dir)
	c := exactlyonce.Config{
		Bucket: o.Budget.queue(meter(o.Archive.Bucket, observer)), Folder: folder, Capture: o.Archive.Capture,
		Instance: o.Archive.Instance, Takeover: o.Archive.Takeover,
		Filter: o.FilterSubjects, Domain: reader.Domain(o.APIPrefix), Start: exactlyonce.Start(o.Start),
		Consumer: o.NATSConsumerName, CreateIt: o.CreateConsumer,
		Settings: o.settings(), FormOf: o.formOf, SecondLook: o.secondLook, FailAtStep: o.crash, Sample: o.Sample,
	}
	if o.Sample > 0 {
		c.Consumer = ""
	}
	return c
}

// settings returns what shapes the bytes of the files, as a plan keeps it.
func (o *Options[P, K]) settings() cutlog.Settings {
	s := cutlog.Settings{
		cutlog.SettingCompression: string(o.Compression), cutlog.SettingSuffix: o.Suffix,
		cutlog.SettingDecoderVersion: o.DecoderVersion, cutlog.SettingMaxAge: o.MaxAge.String(),
		cutlog.SettingHeaders: cutlog.HeadersWhole,
	}
	if o.CompressionLevel != 0 {
		s[cutlog.SettingCompressionLevel] = fmt.Sprint(o.CompressionLevel)
	}
	for name, v := range o.Settings {
		s.SetUser(name, v)
	}
	return s
}

// formOf returns the form under which a plan with these settings was made. It is that of ForPlan, if there is one.
// Otherwise it is ours with the compression and the suffix of the plan, as long as nothing else differs.
func (o *Options[P, K]) formOf(planned cutlog.Settings) (capture.Form, error) {
	then, err := o.optionsOf(planned)
	if err != nil {
		return capture.Form{}, err
	}
	f := then.form()
	f.User = user[P, K]{opts: then, parsed: !planned.WholeHeaders()}
	return f, nil
}

// optionsOf returns the options of a form.
func (o *Options[P, K]) optionsOf(planned cutlog.Settings) (*Options[P, K], error) {
	if o.ForPlan != nil {
		then, err := o.ForPlan(planned)
		if err != nil {
			return nil, fmt.Errorf("finish a cut under its own settings %v: %w", planned, err)
		}
		return &then, nil
	}
	then := *o
	then.Compression, then.Suffix = Compression(planned.Compression()), planned[cutlog.SettingSuffix]
	var err error
	if then.CompressionLevel, err = planned.CompressionLevel(); err != nil {
		return nil, fmt.Errorf("a plan's %w", err)
	}
	ours, theirs := o.settings(), maps.Clone(planned)
	for _, name := range []string{
		cutlog.SettingCompression, cutlog.SettingSuffix, cutlog.SettingCompressionLevel, cutlog.SettingMaxAge,
		cutlog.SettingHeaders,
	} {
		delete(ours, name)
		delete(theirs, name)
	}
	if !maps.Equal(ours, theirs) {
		return nil, fmt.Errorf(
			"a cut was planned with the settings %v, now they are %v: start once with the old ones to finish it", theirs, ours)
	}
	return &then, nil
}
