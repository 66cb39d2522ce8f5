// Package jetcapture copies NATS JetStream streams, continuously, into immutable files: messages are decoded, grouped by a destination
// key and a time window, written as rows by a writer, compressed, and stored.
//
// Fill in Options, Build a Capture, and Run it with a connection. With Options.Archive each stored message appears in exactly one file,
// given a store with create-only writes; with Options.Store, the API of v0.1.0, in at least one.
package jetcapture
