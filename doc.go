// Package jetcapture copies NATS JetStream streams, continuously, into immutable files in a folder or a bucket.
//
// A Capture reads one stream. You supply a decoder, which makes a payload and a key of each message, and a writer,
// which makes rows of the payloads, in a format such as JSON lines, CSV or Parquet. A file holds the messages of one
// key and one window of time; until it is stored, it is called a block. A cut closes the open blocks, stores them and
// then acknowledges their messages.
//
// A capture keeps one of two promises:
//
//   - With Options.Archive, each stored message is in exactly one file, also after crashes and with several processes
//     at work. The store must refuse to overwrite (see package bucket). Beside the files it holds a log of all cuts
//     (see package cutlog); package archive lists and verifies both.
//   - With Options.Store, the API of v0.1.0, each message is in at least one file.
//
// The example below is a whole capture. NatsToNats, SubjectToDestKey and NewLineDelimitedJSON keep complete messages as
// JSON lines, grouped by subject, without a line of your own. The directory examples has complete programs.
package jetcapture
