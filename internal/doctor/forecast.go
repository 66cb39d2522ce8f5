package doctor

import (
	"fmt"
	"math"
	"time"
)

// What files cost, for a forecast in words. Prices are list prices of 2026 of S3 Standard in us-east-1; those of other
// stores are of the same order.
const (
	putPrice  = 5.0 / 1_000_000 // US dollars for a request that writes or lists
	getPrice  = 0.4 / 1_000_000 // for one that reads
	manyFiles = 20_000          // a day: queries begin to take longer to list files than to read them
	smallFile = 1 << 20         // bytes
)

// prediction is what a capture will make, a day.
type prediction struct {
	cuts, files float64
	puts, gets  float64
	bytes       float64 // before compression
}

// predict calculates from the rate, the keys of a sample, and the length of a window. Each cut puts its files, a plan
// and a done record, and reads the two records back.
func (e *exam) predict() prediction {
	const day = 24 * time.Hour
	s := e.sample
	windows := float64(day) / float64(e.MaxAge)
	inWindow := s.rate.messages * e.MaxAge.Seconds()
	keys := float64(s.keys)
	if s.keys > s.messages/2 { // most messages have a key of their own
		keys = inWindow * float64(s.keys) / float64(s.messages)
	}
	keys = min(keys, inWindow)
	parts := 1.0
	if e.MaxBytes > 0 && keys > 0 {
		parts = max(1, math.Ceil(s.rate.bytes*e.MaxAge.Seconds()/keys/float64(e.MaxBytes)))
	}
	p := prediction{cuts: min(windows, s.rate.messages*day.Seconds())}
	p.files = min(p.cuts*max(keys, 1)*parts, s.rate.messages*day.Seconds())
	p.puts, p.gets = p.files+2*p.cuts, 2*p.cuts
	p.bytes = s.rate.bytes * day.Seconds()
	return p
}

// forecast is check S3.
func (e *exam) forecast() {
	const name, month = "forecast", 30
	s := e.sample
	if !s.rateKnown || s.messages == 0 || s.rate.messages <= 0 {
		e.skip("S3", name, "the rate of the stream is not known", "it takes some messages to tell")
		return
	}
	if s.rate.over < shortRate {
		e.skip("S3", name, "the messages of the stream are of the last "+durationText(s.rate.over)+": too short to tell",
			"a forecast takes those of a minute")
		return
	}
	p := e.predict()
	seen := fmt.Sprintf("at the rate of the last %s, %s messages a day: %s files a day, with %s before compression",
		durationText(s.rate.over), countText(s.rate.messages*86400), countText(p.files), bytesText(int64(p.bytes)))
	cost := ""
	if e.Folder == "" {
		dollars := month * (p.puts*putPrice + p.gets*getPrice)
		cost = fmt.Sprintf("that is %s writing and %s reading requests a day, "+
			"about $%.2f a month at the list price of S3 Standard", countText(p.puts), countText(p.gets), dollars)
	}
	if mean := p.bytes / max(p.files, 1); p.files > manyFiles && mean < smallFile {
		why := "many small files are slow to query, and nothing merges them"
		if cost != "" {
			why += "; " + cost
		}
		e.warn("S3", name, seen, why, fmt.Sprintf("a longer --max-age, such as %s, or fewer --key", longer(e.MaxAge)))
		return
	}
	e.note("S3", name, seen, cost)
}

// longer is a window of the next usual length.
func longer(age time.Duration) string {
	switch {
	case age < 15*time.Minute:
		return "15m"
	case age < time.Hour:
		return "1h"
	}
	return "24h"
}
