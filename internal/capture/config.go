// Package capture is the engine room: one Run of a capture, in plain Go. It reads batches, puts their messages into
// open blocks, decides with internal/engine when a cut is due, and seals the blocks of a cut.
//
// Three interfaces stand around it. User is the code of the library's user, so nothing here knows a payload or a key.
// Promise says what holds for each message: internal/exactlyonce and internal/atleastonce implement it. Observer hears
// what happens and makes counters, log lines and hooks of it.
//
// The way of a message: feed.go reads, loop.go takes, table.go and block.go write, boundary.go tells windows
// apart, cut.go cuts, seal.go and encode.go seal. docs/DESIGN.md lists the goroutines and who owns what.
package capture

import (
	"log/slog"
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// Config says how a Run works. Its fields are those of the root package's Options, which has checked them and filled in
// the defaults, and Jitter. It does not change while a Run uses it.
type Config struct {
	Form Form

	Once          bool
	Until         uint64        // stream sequence, at which the run ends; 0 means none
	MaxAge        time.Duration // length of a window
	MaxIdle       time.Duration // 0 means that no cut is made for silence
	Grace         time.Duration // how long a silent stream is given after the end of a window
	DrainTimeout  time.Duration
	Wait          time.Duration // how long a start waits for server and store; 0 means without end
	MaxMessages   int64         // 0 means no limit
	MaxBytes      int64         // bytes of a file before compression; 0 means no limit
	MemoryLimit   int64         // bytes
	SpoolLimit    int64         // bytes
	Pool          *spool.Pool   // shared with other captures; nil: the limits are this one's alone
	BufferToDisk  bool
	TempDir       string
	DecodeWorkers int // at least 1
	StoreWorkers  int // at least 1

	Poison Policy
	// PoisonError returns the error of a poison message that the library's user sees. Any goroutine calls it.
	PoisonError func(m *reader.Message, cause error) error
	// DeadDir is the directory of dead letters below the root of an archive. At least once it is not used, because dead
	// letters are handed to the user.
	DeadDir string

	Logger *slog.Logger // for the readers; all other news goes to the Observer

	// Jitter draws the random part, from [0, n), of the pause after an attempt of an operation has failed. It is for
	// tests that must replay; nil means at random. Any goroutine calls it.
	Jitter func(operation string, n time.Duration) time.Duration
}

// full reports whether a block of so many messages and bytes is complete as a part of its key and window.
func (c *Config) full(messages, size int64) bool {
	return (c.MaxMessages > 0 && messages >= c.MaxMessages) || (c.MaxBytes > 0 && size >= c.MaxBytes)
}
