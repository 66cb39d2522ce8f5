// Package parquetwriter writes the rows of a block as one Apache Parquet file
// (https://parquet.apache.org/docs/file-format/), on github.com/parquet-go/parquet-go.
//
// There are three writers: a MessageWriter writes stored messages as they are, a Writer rows of a Go struct by its
// tags, a TableWriter rows of columns that are known at run time only. Each is a FormattedDataWriter of package
// jetcapture, and one that buffers: a block is usually encoded when it is sealed. A writer and those that its New
// returns share the buffers of finished files. This is a WriterFactory:
//
//	w, err := parquetwriter.NewMessageWriter(parquetwriter.Options{}, false)
//	...
//	factory := func() jetcapture.FormattedDataWriter[*parquetwriter.Message] { return w.New() }
//
// The same rows give the same bytes: nothing in a file comes from the clock, a random source or the order of a Go map.
// (Compressed bytes may differ between versions of a compressor, and with snappy between processors. The rows are the
// same then.)
//
// Files use only what readers have in common: data pages of version 1, times in microseconds UTC, three-level lists, no
// unsigned and no nanosecond types, and strings that really are valid UTF-8.
package parquetwriter
