package monitor

import (
	"errors"
	"sync"

	"github.com/jetcapture/jetcapture/internal/events"
	"github.com/prometheus/client_golang/prometheus"
)

// published counts the events of a capture. Any goroutine may use it.
type published struct {
	mu sync.Mutex
	n  map[publication]int64
}

// publication is a try to deliver an event.
type publication struct {
	kind   events.Type
	result string
}

// The results of a try. After an error it is tried again. One that was moved has been delivered by another process.
const (
	publishedOK    = "ok"
	publishedError = "error"
	publishedMoved = "elsewhere"
)

// Published counts a try to deliver an event, which has come to err.
func (e *Entry) Published(kind events.Type, err error) {
	p := publication{kind, publishedOK}
	switch {
	case errors.Is(err, events.ErrMoved):
		p.result = publishedMoved
	case err != nil:
		p.result = publishedError
	}
	e.events.mu.Lock()
	defer e.events.mu.Unlock()
	if e.events.n == nil {
		e.events.n = map[publication]int64{}
	}
	e.events.n[p]++
}

// count returns how often a try had a result.
func (p *published) count(of publication) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return float64(p.n[of])
}

// publications collects the counts of events of all captures on a board.
type publications struct {
	board *Board
	desc  *prometheus.Desc
}

func newPublications(b *Board) *publications {
	return &publications{b, prometheus.NewDesc("jetcapture_events_published_total",
		"Tries to deliver events, by their type and result. One with the result error is tried again.",
		[]string{"capture", "stream_name", "type", "result"}, nil)}
}

// Describe implements prometheus.Collector.
func (p *publications) Describe(ch chan<- *prometheus.Desc) { ch <- p.desc }

// Collect implements prometheus.Collector. Each series is there at 0 before the first event.
func (p *publications) Collect(ch chan<- prometheus.Metric) {
	for _, e := range p.board.entries() {
		for _, kind := range events.Types() {
			for _, result := range []string{publishedOK, publishedError, publishedMoved} {
				ch <- prometheus.MustNewConstMetric(p.desc, prometheus.CounterValue, e.events.count(publication{kind, result}),
					e.what.Capture, e.what.Stream, string(kind), result)
			}
		}
	}
}
