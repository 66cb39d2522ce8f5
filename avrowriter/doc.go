// Package avrowriter writes stored messages as Apache Avro object container files
// (https://avro.apache.org/docs/1.12.0/specification/#object-container-files), on github.com/twmb/avro.
//
// A MessageWriter writes messages as they are. An EventHubsWriter writes field for field what Azure Event Hubs Capture
// does, for programs that read its files. Both are FormattedDataWriters of package jetcapture, and buffer: a block is
// usually encoded when it is sealed, so an open block holds no Avro block. This is a WriterFactory:
//
//	w, err := avrowriter.NewMessageWriter(avrowriter.Options{})
//	...
//	factory := func() jetcapture.FormattedDataWriter[*avrowriter.Message] { return w.New() }
//
// The same messages give the same bytes: nothing in a file comes from the clock, the machine, a random source or the
// order of a Go map. The sync marker, which Avro wants to be unlikely in the data, is computed from the schema, the
// options and the first message.
package avrowriter
