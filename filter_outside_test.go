package jetcapture_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// TestFilterOutside: a filter that matches nothing of what the stream takes is named at the start, with the stream's
// subjects. One that matches some is not, nor one of a stream whose messages come from elsewhere.
func TestFilterOutside(t *testing.T) {
	const warning = "outside of the stream's subjects"
	for name, c := range map[string]struct {
		filter    []string
		configure func(c *jetstream.StreamConfig)
		warned    int
	}{
		"outside":  {[]string{"orders.*"}, nil, 1},
		"partly":   {[]string{"s.0", "orders.*"}, nil, 1},
		"within":   {[]string{"s.0", "*.1"}, nil, 0},
		"sourcing": {[]string{"orders.*"}, sourcing, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var configure []func(*jetstream.StreamConfig)
			if c.configure != nil {
				configure = append(configure, c.configure)
			}
			r := newRig(t, configure...)
			log := &lines{out: t.Output()}
			capture(r, with(r.options(), func(o *options) { o.FilterSubjects, o.Logger = c.filter, log.logger() }))
			wantEqual(t, "warnings", log.count("WARN", warning, "orders.*", "s.>"), c.warned)
		})
	}
}

// sourcing lets the stream take messages of another stream, too.
func sourcing(c *jetstream.StreamConfig) { c.Sources = []*jetstream.StreamSource{{Name: "OTHER"}} }
