package jetcapture_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
)

func TestWriterCalls(t *testing.T) {
	for _, m := range []mode{direct, hiding, declared} {
		for _, workers := range []int{0, 4} {
			t.Run(fmt.Sprint(m, workers), func(t *testing.T) {
				r := newRig(t)
				poison := r.publishMixed(60)
				const undecodable = 5 // of 9 poison messages, by an error or a panic
				c := &counted{}
				o := r.lines(c, m)
				o.DecodeWorkers = workers
				o.Poison = jetcapture.PoisonDeadLetter
				s := capture(r, o)
				a := r.wantLines()
				c.check(t)
				wantEqual(t, "files", len(a.Files(false)), 2)
				wantEqual(t, "dead letters", s.Dead, int64(len(poison)))
				wantEqual(t, "rows", s.Rows, 60)
				wantEqual(t, "messages", s.Messages, 60)
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

// TestWriterCallsOfADroppedCut: open blocks are dropped when Run fails, and each writer is still flushed once.
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
				if !ok {
					t.Fatalf("Run = %v, want a *PoisonError", err)
				}
				wantEqual(t, "sequence", p.Seq, 21)
				wantEqual(t, "subject", p.Subject, "s.a")
				wantEqual(t, "stream", p.Stream, "S")
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
				if a := r.wantLines(); len(a.Lost()["removed"]) != 1 {
					t.Errorf("lost %v", a.Lost())
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
				o.Poison = jetcapture.PoisonDeadLetter // which must not be used, since no message is to blame
				made := o.WriterFactory
				o.WriterFactory = func() jetcapture.FormattedDataWriter[string] {
					w := made()
					c.mu.Lock()
					defer c.mu.Unlock()
					c.writers[len(c.writers)-1].fails = fails
					return w
				}
				s, err := tryCapture(r, o)
				wantText(t, err, "cannot go on")
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
	_, err := tryCapture(r, o)
	wantText(t, err, "WriterFactory")
}

// TestFailedWriteLeavesNoByte compares the stored bytes with the rows of the good messages.
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

// TestDecodeWorkersKeepTheOrder decodes on many goroutines, some messages more slowly than others.
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

// TestOneGoroutine: users of v0.1.0 rely on it that their decoder and writers need no lock.
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
	wantEqual(t, "goroutines that called", len(c.users), 1)
	wantEqual(t, "calls at the same time", c.most, 1)
	wantEqual(t, "messages of s.a", unlocked["s.a"], 150)
	wantEqual(t, "messages of s.b", unlocked["s.b"], 150)
}

// TestBufferedWritersOneAtATime: buffering writers run while reading goes on, but never beside other code of the user.
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
