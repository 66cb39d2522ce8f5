package storetest_test

import (
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/storetest"
)

// TestProbe: each store refuses an object in parts whose name is taken, also at a second start.
func TestProbe(t *testing.T) {
	const name = "_jetcapture/S/probe%41"
	for _, kind := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := storetest.Open(t, storetest.Start(t, kind).NewBucket(t), cloud.Options{})
			for range 2 {
				if err := b.(bucket.Prober).Probe(t.Context(), name); err != nil {
					t.Error(err)
				}
			}
			if info, err := b.Stat(t.Context(), name); err != nil || info.Size == 0 {
				t.Errorf("%+v, %v", info, err)
			}
		})
	}
}
