// Package capture is the engine room: one Run of a capture, in plain Go. It reads batches, puts their messages into open
// blocks, decides with internal/engine when a cut is due, and seals the blocks of a cut. What it promises for each message
// is a Promise, of which internal/exactlyonce and internal/atleastonce have one each. The code of the library's user is
// behind User, so that nothing here knows a payload or a key; what happens is told to an Observer.
//
// docs/DESIGN.md lists the goroutines and who owns what.
package capture

import (
	"log/slog"
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// Config says how a Run works. The root package fills in every field, with its defaults; nothing here is checked again.
type Config struct {
	Form Form

	Once          bool // ends with the last sequence that the stream holds at the start
	MaxAge        time.Duration
	MaxIdle       time.Duration // 0: none
	Grace         time.Duration
	DrainTimeout  time.Duration
	MaxMessages   int64 // of a file; 0: no limit
	MaxBytes      int64 // of a file before compression; 0: no limit
	MemoryLimit   int64
	SpoolLimit    int64
	BufferToDisk  bool
	TempDir       string
	DecodeWorkers int
	StoreWorkers  int

	Poison Policy
	// PoisonError makes the error of a message that cannot be decoded or written, as the library's user knows it.
	PoisonError func(m *reader.Message, cause error) error
	// DeadDir is the directory of dead letters, below the root. Empty: at least once, where they are handed to the user.
	DeadDir string

	Logger *slog.Logger // for the readers; everything else is told to the Observer
}

// full reports whether a block of so many messages and bytes is a full part.
func (c *Config) full(messages, size int64) bool {
	return (c.MaxMessages > 0 && messages >= c.MaxMessages) || (c.MaxBytes > 0 && size >= c.MaxBytes)
}
