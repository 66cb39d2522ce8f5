// Package promexport gives the Stats of captures to Prometheus. Register a Collector with a registry of your own:
//
//	registry.MustRegister(promexport.NewCollector(promexport.Capture{
//		Name: "ORDERS", Stream: "ORDERS", Stats: capture.Stats,
//	}))
//
// A scrape copies the Stats of each capture, and asks neither the server nor the store. Each series is there from the
// first scrape on, at 0 if nothing has happened yet, so that increase and rate see the first event.
package promexport

import (
	"runtime"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/prometheus/client_golang/prometheus"
)

// Capture names a capture whose Stats are exported.
type Capture struct {
	Name   string // label capture: its name in the archive
	Stream string // label stream_name, as the exporters of NATS have it
	// Stats is the method of a jetcapture.Capture. Any goroutine may call it.
	Stats func() jetcapture.Stats
}

// Collector is a prometheus.Collector of captures. Make it with NewCollector or NewDynamic.
type Collector struct {
	captures func() []Capture
	descs    []*prometheus.Desc // in the order of metrics
}

// NewCollector returns a collector of some captures. No two may have the same name and stream.
func NewCollector(captures ...Capture) *Collector {
	return NewDynamic(func() []Capture { return captures })
}

// NewDynamic returns a collector of captures that come and go. Each scrape calls captures, from any goroutine.
func NewDynamic(captures func() []Capture) *Collector {
	c := &Collector{captures: captures}
	for _, m := range metrics() {
		labels := append([]string{"capture", "stream_name"}, m.labels...)
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, labels, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	all, now := metrics(), time.Now()
	for _, one := range c.captures() {
		s := one.Stats()
		for i, m := range all {
			m.collect(&sample{
				stats: &s, now: now, metric: m, desc: c.descs[i], labels: []string{one.Name, one.Stream}, out: ch,
			})
		}
	}
}

// sample is where the series of one metric of one capture go.
type sample struct {
	stats  *jetcapture.Stats
	now    time.Time
	metric metric
	desc   *prometheus.Desc
	labels []string
	out    chan<- prometheus.Metric
}

// is adds a series with a value.
func (s *sample) is(value float64, labels ...string) {
	kind := prometheus.GaugeValue
	if s.metric.counter {
		kind = prometheus.CounterValue
	}
	s.out <- prometheus.MustNewConstMetric(s.desc, kind, value, s.with(labels)...)
}

// took adds a histogram.
func (s *sample) took(d jetcapture.Durations, labels ...string) {
	buckets := map[float64]uint64{}
	for i, bound := range jetcapture.DurationBounds() {
		buckets[bound.Seconds()] = 0
		if i < len(d.Within) {
			buckets[bound.Seconds()] = uint64(d.Within[i])
		}
	}
	s.out <- prometheus.MustNewConstHistogram(s.desc, uint64(d.Count), d.Sum.Seconds(), buckets, s.with(labels)...)
}

// with returns the values of all labels.
func (s *sample) with(labels []string) []string { return append(s.labels[:2:2], labels...) }

// BuildInfo returns a collector of jetcapture_build_info, which is always 1 and names a program in its labels.
func BuildInfo(version, revision string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "jetcapture_build_info", Help: "Always 1. The labels say which program runs.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}
