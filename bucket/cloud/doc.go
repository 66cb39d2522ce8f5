// Package cloud opens object stores as buckets: Amazon S3 and compatible stores (s3://), Google Cloud Storage (gs://),
// Azure Blob Storage (azblob://), and local directories (file://). docs/STORES.md has a working example, the least
// permissions and the traps of each.
//
// # Whose code does what
//
// The URL openers of gocloud.dev/blob make the clients, so their URL parameters and credential chains work here.
// Objects are put and read through the SDKs themselves, because gocloud's portable layer (v0.47.0) does not allow what
// [bucket.Bucket] promises. It escapes names and undoes escapes that it did not make, so a listing can show names that
// were never put. It cannot list from a name on. On Azure its writer panics in Close when an upload has failed. Neither
// checksums nor sizes of stored objects can be confirmed through it.
//
// # What an upload does
//
// An object that fits into one part is put by one request. A larger one is put in parts, several at a time, which
// become visible with the last request or never. Each request carries a checksum that the store verifies (CRC32C on S3
// and GCS, MD5 on Azure). The last one also carries the condition that the name is free. What is stored is confirmed by
// the store's own checksum or size. Memory for parts is bounded for all uploads of a bucket together. Unfinished
// uploads are aborted where the store can do that. A lifecycle rule must remove what a killed process leaves.
//
// # Time
//
// An attempt of a request ends when nothing moved for Options.Timeout: a slow link goes on, one that stands still does
// not. Each SDK repeats a request a few times, but not for ever. The loop above that is the caller's.
package cloud
