package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// The heap of a command that has just begun grows further than it may later, unless the environment says how far.
func TestHeapGrowth(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	limitHeap(func(string) string { return "100" })
	if got := gogc(); got != 100 {
		t.Errorf("GOGC is %d, and the environment says 100", got)
	}
	debug.SetGCPercent(-1) // no collection comes in between
	limitHeap(func(string) string { return "" })
	if got := gogc(); got != firstGrowth {
		t.Errorf("GOGC is %d before the first collection, want %d", got, firstGrowth)
	}
	runtime.GC()
	natstest.Eventually(t, 30*time.Second, "GOGC is that of a command", func() bool { return gogc() == heapGrowth })
}

// gogc returns the value of GOGC in effect.
func gogc() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
