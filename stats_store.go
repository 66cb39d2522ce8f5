package jetcapture

import (
	"maps"
	"slices"
	"time"
)

// StoreResult is how an operation of a store ended.
type StoreResult string

// The results. A retry is an operation of its own.
const (
	OpOK      StoreResult = "ok"
	OpExists  StoreResult = "exists"  // put: the name is taken
	OpMissing StoreResult = "missing" // get, stat: there is no such object
	OpError   StoreResult = "error"
)

// StoreResults returns all results.
func StoreResults() []StoreResult {
	return []StoreResult{OpOK, OpExists, OpMissing, OpError}
}

// StoreOperations returns the operations of a store: put, get, stat and list.
func StoreOperations() []string { return []string{"put", "get", "stat", "list"} }

// StoreOperation counts one of the operations of an archive's store.
type StoreOperation struct {
	Results map[StoreResult]int64
	Times   Durations
}

// newStoreOperations returns the counters of operations before the first one.
func newStoreOperations() map[string]StoreOperation {
	all := map[string]StoreOperation{}
	for _, op := range StoreOperations() {
		all[op] = StoreOperation{Results: map[StoreResult]int64{}, Times: newDurations()}
	}
	return all
}

// cloneStoreOperations returns a copy that shares nothing.
func cloneStoreOperations(all map[string]StoreOperation) map[string]StoreOperation {
	all = maps.Clone(all)
	for op, s := range all {
		s.Results, s.Times.Within = maps.Clone(s.Results), slices.Clone(s.Times.Within)
		all[op] = s
	}
	return all
}

// Durations is a histogram of how long something took.
type Durations struct {
	Count int64
	Sum   time.Duration
	// Within are how many took at most as long as the bound of DurationBounds in the same place.
	Within []int64
}

// DurationBounds returns the bounds of Durations, which never change.
func DurationBounds() []time.Duration {
	return []time.Duration{
		10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
		500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
		30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	}
}

// newDurations returns a histogram of nothing.
func newDurations() Durations { return Durations{Within: make([]int64, len(DurationBounds()))} }

// add counts one.
func (d *Durations) add(took time.Duration) {
	d.Count++
	d.Sum += took
	for i, b := range DurationBounds() {
		if took <= b {
			d.Within[i]++
		}
	}
}
