package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// logQueueSize is how much of the log may wait for a reader, in bytes.
	logQueueSize = 1 << 20
	// logPatience is how long an end of the process waits for the reader of the log.
	logPatience = time.Second
)

// logQueue writes to a file that may block, a pipe that nobody reads or a terminal that was stopped, and never blocks
// itself. Over logQueueSize it drops whole writes, and says how many lines that were. Its methods may be called from
// any goroutine.
type logQueue struct {
	file io.Writer   // only the queue's goroutine writes to it
	json atomic.Bool // the lines are JSON

	mu      sync.Mutex // guards what follows
	waiting []byte
	dropped int           // lines, since the last one that was taken
	wake    chan struct{} // holds one value; closed by close
	idle    chan struct{} // closed when nothing waits and nothing is being written
	closed  bool
}

// startLogQueue starts the goroutine of a queue. The caller closes it.
func startLogQueue(file io.Writer) *logQueue {
	q := &logQueue{file: file, wake: make(chan struct{}, 1), idle: make(chan struct{})}
	close(q.idle)
	go q.drain()
	return q
}

// Write implements io.Writer. It never fails.
func (q *logQueue) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return len(p), nil
	}
	if len(q.waiting)+len(p) > logQueueSize {
		q.dropped += bytes.Count(p, []byte{'\n'})
		return len(p), nil
	}
	q.admitDropped()
	q.waiting = append(q.waiting, p...)
	q.wakeUp()
	return len(p), nil
}

// admitDropped tells of what was dropped, where it is missing. The caller holds mu.
func (q *logQueue) admitDropped() {
	if q.dropped > 0 {
		var line bytes.Buffer
		complain(&line, q.json.Load(), slog.LevelWarn,
			counted(int64(q.dropped), "line")+" of the log were dropped, its reader was too slow")
		q.waiting = append(q.waiting, line.Bytes()...)
		q.dropped = 0
	}
}

// wakeUp makes the goroutine look at what waits. The caller holds mu.
func (q *logQueue) wakeUp() {
	select {
	case <-q.idle: // it was idle, and is not any more
		q.idle = make(chan struct{})
	default:
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// drain writes what waits, until the queue is closed and empty, or for ever if the file blocks. An error of the file, a
// pipe without a reader, is not worth an end: what comes is lost.
func (q *logQueue) drain() {
	var batch []byte
	for range q.wake {
		for q.take(&batch) {
			_, _ = q.file.Write(batch)
		}
	}
}

// take exchanges the batch that was written for what waits. It returns false, and the queue is idle, if that is
// nothing.
func (q *logQueue) take(batch *[]byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.admitDropped()
	}
	if len(q.waiting) > 0 {
		*batch, q.waiting = q.waiting, (*batch)[:0]
		return true
	}
	select {
	case <-q.idle: // the value of wake was an old one
	default:
		close(q.idle)
	}
	return false
}

// flush waits until everything is written, but not longer than patience.
func (q *logQueue) flush(patience time.Duration) {
	q.mu.Lock()
	idle := q.idle
	q.mu.Unlock()
	select {
	case <-idle:
	case <-time.After(patience):
	}
}

// close flushes and ends the goroutine, unless the file blocks it: then the goroutine stays as long as the process.
// What is written later is dropped.
func (q *logQueue) close(patience time.Duration) {
	q.flush(patience)
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.wake)
	}
}

// terminalOf returns the file of a writer, if that is one or a queue before one.
func terminalOf(w io.Writer) (*os.File, bool) {
	if q, ok := w.(*logQueue); ok {
		w = q.file
	}
	f, ok := w.(*os.File)
	return f, ok
}
