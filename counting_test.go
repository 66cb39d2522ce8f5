package jetcapture_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
)

// counted notes the calls of a test's writers and decoder.
type counted struct {
	mu      sync.Mutex
	writers []*countingWriter // all that were made, in order
	users   map[uint64]bool   // goroutines that called
	at      int               // calls that run now
	most    int               // greatest number of calls at the same time
}

// enter notes a call of user code and returns the function that notes its end.
func (c *counted) enter() func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users == nil {
		c.users = map[uint64]bool{}
	}
	c.users[goroutine()] = true
	c.at++
	c.most = max(c.most, c.at)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.at--
	}
}

// goroutine is the number of the calling goroutine, as a stack trace shows it.
func goroutine() uint64 {
	buf := make([]byte, 64)
	fields := strings.Fields(string(buf[:runtime.Stack(buf, false)]))
	n, _ := strconv.ParseUint(fields[1], 10, 64)
	return n
}

// check checks the order of the calls of each writer. A writer that was only asked whether it buffers has none.
func (c *counted) check(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.writers {
		if calls := string(w.calls); calls != "" && calls != "i"+strings.Repeat("w", max(len(calls)-2, 0))+"f" {
			t.Errorf("writer %d of %d: calls %q", i, len(c.writers), calls)
		}
	}
}

// lens returns the number of Writes of each writer that was called, sorted.
func (c *counted) lens() (n []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.writers {
		if len(w.calls) > 0 {
			n = append(n, len(w.calls)-2)
		}
	}
	slices.Sort(n)
	return n
}

// mode is how a countingWriter writes.
type mode int

const (
	direct   mode = iota // each row at once
	hiding               // keeps rows back and does not say so
	declared             // keeps rows back and says so
)

// countingWriter writes payloads as lines. Some payloads make it fail or panic after it has written a part.
type countingWriter struct {
	all   *counted
	mode  mode
	calls []byte // i, w and f for InitNew, Write and Flush
	out   *bufio.Writer
	raw   io.Writer
	fails string // a method and how it fails, such as "Flush panics"
}

type declaredWriter struct{ *countingWriter }

// Buffered implements jetcapture.BufferedWriter.
func (declaredWriter) Buffered() bool { return true }

// factory returns a WriterFactory of writers in a mode.
func (c *counted) factory(m mode) func() jetcapture.FormattedDataWriter[string] {
	return func() jetcapture.FormattedDataWriter[string] {
		w := &countingWriter{all: c, mode: m}
		c.mu.Lock()
		c.writers = append(c.writers, w)
		c.mu.Unlock()
		if m == declared {
			return declaredWriter{w}
		}
		return w
	}
}

func (w *countingWriter) InitNew(out io.Writer) error {
	defer w.all.enter()()
	w.calls = append(w.calls, 'i')
	w.raw, w.out = out, bufio.NewWriterSize(out, 1<<20)
	return w.fail("InitNew")
}

func (w *countingWriter) Write(line string) (int, error) {
	defer w.all.enter()()
	w.calls = append(w.calls, 'w')
	fmt.Fprintln(w.out, line)
	if w.mode == direct {
		if err := w.out.Flush(); err != nil {
			return 0, err
		}
	}
	switch {
	case strings.Contains(line, "unwritable"):
		return 1, errors.New("no such row")
	case strings.Contains(line, "panicking"):
		panic("no such row")
	}
	return 1, nil
}

func (w *countingWriter) Flush() error {
	defer w.all.enter()()
	w.calls = append(w.calls, 'f')
	return errors.Join(w.out.Flush(), w.fail("Flush"))
}

func (w *countingWriter) fail(method string) error {
	switch w.fails {
	case method + " fails":
		return errors.New("cannot go on")
	case method + " panics":
		panic("cannot go on")
	}
	return nil
}

// lines captures payloads as lines "<sequence> <payload>" by subject, through writers that are counted.
func (r *rig) lines(c *counted, m mode) jetcapture.Options[string, string] {
	o := r.options()
	return jetcapture.Options[string, string]{
		NATSStreamName: o.NATSStreamName, Compression: o.Compression, Suffix: "txt", MaxAge: o.MaxAge, Once: true,
		BufferToDisk: true, TempDir: o.TempDir,
		MessageDecoder: func(msg *nats.Msg) (string, string, error) {
			defer c.enter()()
			return line(msg)
		},
		WriterFactory: c.factory(m), Archive: o.Archive, Logger: o.Logger,
	}
}

// line decodes a message into such a line and its subject. It fails if the payload says so.
func line(msg *nats.Msg) (payload, key string, err error) {
	meta, err := msg.Metadata()
	if err != nil {
		return "", "", err
	}
	switch {
	case strings.Contains(string(msg.Data), "undecodable"):
		return "", "", errors.New("not a message of ours")
	case strings.Contains(string(msg.Data), "decoder panic"):
		panic("not a message of ours")
	case strings.Contains(string(msg.Data), "leave out"):
		return "", "", fmt.Errorf("on purpose: %w", jetcapture.ErrSkip)
	}
	return fmt.Sprintf("%d %s", meta.Sequence.Stream, msg.Data), msg.Subject, nil
}

// line is the oracle.RowFunc of such lines.
func (r *rig) line(row []byte) (oracle.Message, error) {
	number, payload, _ := bytes.Cut(row, []byte(" "))
	seq, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil {
		return oracle.Message{}, fmt.Errorf("row %q: %w", row, err)
	}
	m := oracle.Message{Seq: seq, Data: payload}
	for _, held := range r.held {
		if held.Seq == seq {
			m.Subject = held.Subject
		}
	}
	return m, nil
}

// wantLines is wantAll for captures as lines.
func (r *rig) wantLines() *oracle.Archive {
	r.t.Helper()
	a := r.archive("S")
	if err := a.ExactlyOnce(r.held, r.line); err != nil {
		r.t.Error(err)
	}
	return a
}

// bad has a payload for each way in which a message can be poison.
var bad = []string{"undecodable", "decoder panic", "unwritable", "panicking"}

// publishMixed stores n messages on two subjects. One in seven is bad; their sequences are returned.
func (r *rig) publishMixed(n int) (poison []uint64) {
	r.t.Helper()
	for i := range n {
		data := fmt.Sprintf("payload %d", i)
		if i%7 == 3 {
			data = bad[i/7%len(bad)]
			poison = append(poison, r.last+1)
		}
		r.store(oracle.Message{Subject: fmt.Sprintf("s.%d", i%2), Data: []byte(data)})
	}
	return poison
}
