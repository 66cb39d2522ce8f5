package jetcapture_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
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

// counted is what the writers of a test were called, in order, one list for each writer: i, w and f for InitNew, Write and Flush.
type counted struct {
	mu      sync.Mutex
	writers []*countingWriter
	users   map[uint64]bool // goroutines that called
	at      int             // calls that run now
	most    int             // calls that ran at the same time
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

// check says whose calls came in a wrong order. Writers that were only asked whether they buffer have no calls.
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

// lens are how many Writes the writers had that were called.
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
	hiding               // keeps rows back without a word
	declared             // keeps rows back and says so
)

// countingWriter writes payloads as lines. Some payloads make it fail, or panic, after it has written a part.
type countingWriter struct {
	all   *counted
	mode  mode
	calls []byte
	out   *bufio.Writer
	raw   io.Writer
	fails string // InitNew or Flush, with an error or a panic
}

type declaredWriter struct{ *countingWriter }

// Buffered implements jetcapture.BufferedWriter.
func (declaredWriter) Buffered() bool { return true }

// factory makes writers of a mode.
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
		NATSStreamName: o.NATSStreamName, Compression: o.Compression, Suffix: "txt", MaxAge: o.MaxAge, Once: true, BufferToDisk: true, TempDir: o.TempDir,
		MessageDecoder: func(msg *nats.Msg) (string, string, error) {
			defer c.enter()()
			return line(msg)
		},
		WriterFactory: c.factory(m), Archive: o.Archive, Logger: o.Logger,
	}
}

// line makes such a line of a message, or fails as its payload says.
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

// bad are payloads that go wrong at each step.
var bad = []string{"undecodable", "decoder panic", "unwritable", "panicking"}

// publishMixed stores n messages on two subjects; the ones whose turn it is are bad.
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

func TestWriterCalls(t *testing.T) {
	for _, m := range []mode{direct, hiding, declared} {
		for _, workers := range []int{0, 4} {
			t.Run(fmt.Sprint(m, workers), func(t *testing.T) {
				r := newRig(t)
				poison := r.publishMixed(60)
				const undecodable = 5 // by error or panic, of 9
				c := &counted{}
				o := r.lines(c, m)
				o.DecodeWorkers = workers
				o.Poison = jetcapture.PoisonDeadLetter
				s := capture(r, o)
				a := r.wantLines()
				c.check(t)
				if len(a.Files(false)) != 2 || s.Dead != int64(len(poison)) || s.Rows != 60 || s.Messages != 60 {
					t.Errorf("%d files, stats %+v, want %d dead", len(a.Files(false)), s, len(poison))
				}
				if n := c.lens(); m == direct && (len(n) != 2 || n[0]+n[1] != 60-undecodable) {
					t.Errorf("writers with %v Writes", n)
				}
				if workers == 0 && c.most > 1 {
					t.Errorf("%d calls of user code at the same time", c.most)
				}
			})
		}
	}
}

// TestWriterCallsOfAStoppedCapture stops while blocks are open, and after parts were closed.
func TestWriterCallsOfAStoppedCapture(t *testing.T) {
	for _, m := range []mode{direct, hiding, declared} {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			r := newRig(t)
			c := &counted{}
			o := r.lines(c, m)
			o.Once, o.MaxMessages, o.Poison = false, 7, jetcapture.PoisonSkip
			run := start(r, r.nc, o)
			r.publishMixed(50)
			run.untilRead(50)
			run.finish()
			a := r.archive("S")
			if err := a.ExactlyOnce(r.held, r.line); err != nil {
				t.Error(err)
			}
			c.check(t)
			for _, f := range a.Files(false) {
				if len(f.Seqs) > 7 {
					t.Errorf("file %s has %d messages", f.Name, len(f.Seqs))
				}
			}
		})
	}
}

// TestWriterCallsOfADroppedCut: what is open when Run fails is given up, and each writer is still flushed once.
func TestWriterCallsOfADroppedCut(t *testing.T) {
	for _, m := range []mode{direct, hiding, declared} {
		for _, what := range bad {
			t.Run(fmt.Sprint(m, " ", what), func(t *testing.T) {
				r := newRig(t)
				r.publish(20, "s.a", "s.b")
				r.store(oracle.Message{Subject: "s.a", Data: []byte(what)})
				r.publish(5, "s.c")
				c := &counted{}
				_, err := tryCapture(r, r.lines(c, m)) // the policy is fail
				p, ok := errorAs[*jetcapture.PoisonError](err)
				if !ok || p.Seq != 21 || p.Subject != "s.a" || p.Stream != "S" {
					t.Fatalf("Run = %v", err)
				}
				c.check(t)
				if a := r.archive("S"); a.To() != 0 {
					t.Errorf("stored up to %d", a.To())
				}
				// Without the bad message it goes on.
				if err := r.stream().DeleteMsg(t.Context(), 21); err != nil {
					t.Fatal(err)
				}
				r.held = slices.Delete(r.held, 20, 21)
				capture(r, r.lines(c, m))
				c.check(t)
				if a := r.wantLines(); a.Absent() != 1 {
					t.Errorf("%d absent", a.Absent())
				}
			})
		}
	}
}

func TestWriterThatCannotGoOn(t *testing.T) {
	for _, fails := range []string{"InitNew fails", "InitNew panics", "Flush fails", "Flush panics"} {
		for _, m := range []mode{direct, hiding, declared} {
			t.Run(fmt.Sprint(fails, m), func(t *testing.T) {
				r := newRig(t)
				r.publish(10, "s.a", "s.b")
				c := &counted{}
				o := r.lines(c, m)
				o.Poison = jetcapture.PoisonDeadLetter // it is no poison
				made := o.WriterFactory
				o.WriterFactory = func() jetcapture.FormattedDataWriter[string] {
					w := made()
					c.mu.Lock()
					defer c.mu.Unlock()
					c.writers[len(c.writers)-1].fails = fails
					return w
				}
				s, err := tryCapture(r, o)
				if err == nil || !strings.Contains(err.Error(), "cannot go on") {
					t.Errorf("Run = %v", err)
				}
				if s.Dead != 0 {
					t.Errorf("%d dead letters", s.Dead)
				}
				c.check(t)
				if a := r.archive("S"); a.To() != 0 {
					t.Errorf("stored up to %d", a.To())
				}
				o.WriterFactory = made
				capture(r, o)
				r.wantLines()
			})
		}
	}
}

func TestNilWriter(t *testing.T) {
	r := newRig(t)
	r.publish(3)
	o := r.options()
	o.WriterFactory = func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] { return nil }
	if _, err := tryCapture(r, o); err == nil || !strings.Contains(err.Error(), "WriterFactory") {
		t.Errorf("Run = %v", err)
	}
}

// TestFailedWriteLeavesNoByte reads the files themselves, with a writer whose rows have a checksum of the file so far.
func TestFailedWriteLeavesNoByte(t *testing.T) {
	r := newRig(t)
	for i := range 200 {
		data := fmt.Sprintf("payload %d", i)
		if i%2 == 1 || i == 0 {
			data = bad[2+i%4/2] + strings.Repeat("#", i*100)
		}
		r.store(oracle.Message{Subject: "s.a", Data: []byte(data)})
	}
	c := &counted{}
	o := r.lines(c, direct)
	o.Poison, o.Compression = jetcapture.PoisonSkip, jetcapture.None
	s := capture(r, o)
	a := r.wantLines()
	if s.Skipped != 101 || len(a.Skipped()) != 101 || s.Rows != 99 {
		t.Errorf("stats %+v", s)
	}
	var want bytes.Buffer
	for _, m := range r.held {
		if strings.HasPrefix(string(m.Data), "payload") {
			fmt.Fprintf(&want, "%d %s\n", m.Seq, m.Data)
		}
	}
	if f := a.Files(false); len(f) != 1 || !bytes.Equal(f[0].Stored, want.Bytes()) {
		t.Errorf("%d files, not exactly the good rows", len(f))
	}
	c.check(t)
}

// TestDecodeWorkersKeepTheOrder decodes on many goroutines, slower the earlier a message comes.
func TestDecodeWorkersKeepTheOrder(t *testing.T) {
	r := newRig(t)
	r.publish(5000, "s.a")
	c := &counted{}
	o := r.lines(c, direct)
	decode := o.MessageDecoder
	o.DecodeWorkers = 8
	o.MessageDecoder = func(m *nats.Msg) (string, string, error) {
		if binary.BigEndian.Uint16(m.Data[len(m.Data)-2:])%3 == 0 {
			runtime.Gosched()
		}
		return decode(m)
	}
	capture(r, o)
	r.wantLines() // the oracle insists on the order
	c.check(t)
}

// TestOneGoroutine: users of v0.1.0 count on a decoder and writers that need no lock.
func TestOneGoroutine(t *testing.T) {
	r := newRig(t)
	r.publish(300, "s.a", "s.b")
	c := &counted{}
	unlocked := map[string]int{} // the race detector watches
	o := r.lines(c, direct)
	decode := o.MessageDecoder
	o.MessageDecoder = func(m *nats.Msg) (string, string, error) {
		unlocked[m.Subject]++
		return decode(m)
	}
	made := o.WriterFactory
	o.WriterFactory = func() jetcapture.FormattedDataWriter[string] {
		unlocked["writers"]++
		return made()
	}
	o.MaxMessages = 20 // many cuts, each stored while reading goes on
	capture(r, o)
	r.wantLines()
	if len(c.users) != 1 || unlocked["s.a"] != 150 || unlocked["s.b"] != 150 || c.most != 1 {
		t.Errorf("%d goroutines called, %d calls at once, %v", len(c.users), c.most, unlocked)
	}
}

// TestBufferedWritersOneAtATime: the rows of a buffering writer are made when its block is sealed, while reading goes on.
func TestBufferedWritersOneAtATime(t *testing.T) {
	for _, m := range []mode{hiding, declared} {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			r := newRig(t)
			r.publish(2000, "s.a", "s.b")
			c := &counted{}
			o := r.lines(c, m)
			unlocked := 0
			made := o.WriterFactory
			o.WriterFactory = func() jetcapture.FormattedDataWriter[string] {
				unlocked++
				return made()
			}
			o.MaxMessages = 50
			capture(r, o)
			r.wantLines()
			c.check(t)
			if c.most != 1 || unlocked == 0 {
				t.Errorf("%d calls of user code at the same time", c.most)
			}
		})
	}
}
