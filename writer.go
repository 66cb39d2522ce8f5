package jetcapture

import "io"

// FormattedDataWriter writes the rows of one block. InitNew is called once, then Write once for each message, then
// Flush once. One goroutine calls the writers of all blocks, unless they are BufferedWriters.
type FormattedDataWriter[P Payload] interface {
	// InitNew begins a file. An error ends Run.
	InitNew(out io.Writer) error
	// Write writes the rows of one payload and returns their number. An error or a panic makes the message poison, and
	// what this call wrote is cut off again.
	Write(payload P) (int, error)
	// Flush writes what is not written yet. An error ends Run.
	Flush() error
}

// BufferedWriter is a FormattedDataWriter that keeps rows back until Flush, as columnar formats do. The messages of its
// block are kept in the spool and given to it when the block is complete, so that an open block holds no writer. If a
// Write fails, the file is begun again without that message. With DecodeWorkers above 1, several writers run at the
// same time, each in one goroutine.
type BufferedWriter interface {
	// Buffered reports whether rows are kept back.
	Buffered() bool
}

// EagerWriter is a BufferedWriter that can also be given its rows while its block is open, which saves the messages the
// way through the spool. A few blocks of a cut are written like that, as long as their writers together hold at most
// half of MemoryLimit. The bytes of a file must not depend on when it was written.
//
// Several of them run at the same time, each in one goroutine, and WriterFactory is called meanwhile, even if
// DecodeWorkers is 1.
//
// A Write that returns an error must leave nothing of its row. After a panic, or an error of Flush, the messages of the
// cut are read again and written when their blocks are complete.
type EagerWriter interface {
	BufferedWriter
	// Held returns about how many bytes of memory the writer holds at most between two calls, not counting what it wrote
	// to the io.Writer of InitNew.
	//
	// The io.Writer given to InitNew also has a method Scratch() io.ReadWriteSeeker. It returns room for what must wait
	// for its place in the file: the writer appends to it, reads it from its start, and closes it (it is an io.Closer,
	// too). The room is in memory, or on disk when memory is short.
	Held() int64
}
