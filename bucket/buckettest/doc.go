// Package buckettest holds what tests of and with buckets share: [Run], the suite that every implementation of [bucket.Bucket]
// passes, and [Faulty], a wrapper that injects faults and counts them.
package buckettest
