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

// EagerWriter is a BufferedWriter that can also be given its rows while the block is open. A few blocks of a cut are written that way, as long as
// their writers together hold no more than half of MemoryLimit: it saves the messages the way through the spool. Whether a block was
// written early or at its seal, its bytes must be the same.
//
// Several of them work at the same time, each in one goroutine, and WriterFactory is called meanwhile, even if DecodeWorkers is 1.
//
// A Write that returns an error must leave nothing of its row. One that panics ends the file: the cut is read again, and written at its seal.
type EagerWriter interface {
	BufferedWriter
	// Held returns about how many bytes of memory the writer holds at most between two calls, besides what it wrote to the out of InitNew.
	// That out has a method Scratch() io.ReadWriteSeeker, which returns room for what must wait for its place in the file: it is appended to
	// and then read from its start, goes to disk when memory is short, and is closed by the writer (it implements io.Closer).
	Held() int64
}
