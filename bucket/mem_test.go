package bucket_test

import (
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
)

func TestMemConforms(t *testing.T) {
	buckettest.Run(t, func(*testing.T) bucket.Bucket { return new(bucket.Mem) })
}
