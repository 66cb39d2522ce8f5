// Package buckettest helps to test buckets, and to test with them. [Run] is the suite that every implementation of
// [bucket.Bucket] passes. [Faulty] is a wrapper that injects faults and counts them.
package buckettest
