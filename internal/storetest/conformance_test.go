package storetest_test

import (
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/storetest"
)

// sizes are those of the suite: with the large object every upload in parts is met, with the names more than a page of each store. The
// emulators are slow in different ways.
func sizes(kind storetest.Kind) buckettest.Suite {
	s := buckettest.Suite{LargeSize: 200 << 20, Names: 2100, Racers: 8, Rounds: 4}
	if kind == storetest.Azure { // pages of 5,000
		s.Names = 300
	}
	return s
}

// TestConformance runs the suite of every bucket on every store.
func TestConformance(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			server := storetest.Start(t, kind)
			suite := sizes(kind)
			suite.Open = func(t *testing.T) bucket.Bucket { return storetest.Open(t, server.NewBucket(t), cloud.Options{}) }
			suite.Run(t)
		})
	}
}
