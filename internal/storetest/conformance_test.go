package storetest_test

import (
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/storetest"
)

// sizes sets the sizes of the suite: the large object is put in parts, and the names are more than a page of S3 and of
// GCS.
func sizes(kind storetest.Kind) (s buckettest.Suite, opts cloud.Options) {
	s = buckettest.Suite{LargeSize: 200 << 20, Names: 2100, Racers: 8, Rounds: 4}
	switch kind {
	case storetest.Azure: // pages have 5,000 names, and the emulator is slow
		s.Names = 300
	case storetest.GCS: // the emulator copies the whole object with each chunk
		opts.PartSize = 32 << 20
	}
	return s, opts
}

// TestConformance runs the suite of every bucket on every store.
func TestConformance(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			server := storetest.Start(t, kind)
			suite, opts := sizes(kind)
			suite.Open = func(t *testing.T) bucket.Bucket { return storetest.Open(t, server.NewBucket(t), opts) }
			suite.Run(t)
		})
	}
}
