package jetcapture

import "io"

// FormattedDataWriter writes the rows of one block. InitNew is called once, then Write once for each message, then Flush once, in this
// order, from one goroutine for all blocks. What a failed Write wrote is cut off again.
type FormattedDataWriter[P Payload] interface {
	// InitNew starts a file. An error ends Run.
	InitNew(out io.Writer) error
	// Write writes the rows of one payload and returns their number. An error makes the message poison.
	Write(payload P) (int, error)
	// Flush writes what was not written yet. An error ends Run.
	Flush() error
}

// BufferedWriter is a FormattedDataWriter that keeps rows back until Flush, as columnar formats do. The messages of its block are kept in the
// spool and given to it when the block is sealed, so that an open block holds no writer; when a Write fails, the block is written anew
// without that message. With DecodeWorkers above 1 several such writers run at the same time, each in one goroutine.
type BufferedWriter interface {
	// Buffered reports whether rows are kept back.
	Buffered() bool
}
