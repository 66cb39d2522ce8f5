// Package cloud opens object stores as buckets: Amazon S3 and what speaks its API (s3://), Google Cloud Storage (gs://), Azure Blob
// Storage (azblob://), and local directories (file://). See docs/STORES.md for a working example, the least permissions and the traps
// of each.
//
// # Whose code does what
//
// The URL openers of gocloud.dev/blob make the clients, so that their URL parameters and credential chains hold here. Objects are put
// and read through the SDKs themselves, for gocloud's portable layer is in the way of what [bucket.Bucket] promises (v0.47.0): it
// escapes names and undoes escapes that it did not make, so that a listing can show names that were never put; it cannot list from a
// name on; on Azure its writer panics in Close when an upload has failed; and neither checksums nor the sizes of what is stored can be
// confirmed through it.
//
// # What an upload does
//
// An object that fits into one part is put by one request. A larger one is put in parts, several at a time, which become visible with
// the last request or never. Each request carries a checksum that the store verifies (CRC32C on S3 and GCS, MD5 on Azure), the last
// one the condition that the name is free, and what is stored is confirmed by the store's own checksum or size. Memory for parts is
// bounded for all uploads of a bucket together. Unfinished uploads are aborted where the store can; what a killed process leaves is
// the matter of a lifecycle rule.
//
// # Time
//
// An attempt of a request ends when nothing moved for Options.Timeout: a slow link is no reason to give up, one that stands still is.
// Each SDK repeats a request a few times, never for ever; the loop above is the caller's.
package cloud
