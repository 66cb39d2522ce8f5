package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reluctant is a file that takes nothing until it is told to.
type reluctant struct {
	lockedBuffer
	open chan struct{}
}

func (r *reluctant) Write(p []byte) (int, error) {
	<-r.open
	return r.lockedBuffer.Write(p)
}

func TestLogQueueWritesAll(t *testing.T) {
	var b lockedBuffer
	q := startLogQueue(&b)
	var want strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(io.MultiWriter(q, &want), "line %d\n", i)
		if i%100 == 0 {
			q.flush(patience)
		}
	}
	q.close(patience)
	if got := b.String(); got != want.String() {
		t.Errorf("%d bytes of %d", len(got), want.Len())
	}
	if n, err := q.Write([]byte("late\n")); n != 5 || err != nil {
		t.Errorf("after the end: %d, %v", n, err)
	}
}

// TestLogQueueNeverBlocks: a file that blocks costs lines, which are counted where they are missing.
func TestLogQueueNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &reluctant{open: make(chan struct{})}
		q := startLogQueue(file)
		line := strings.Repeat("x", 1023) + "\n"
		fmt.Fprint(q, "first\n")
		synctest.Wait() // the goroutine has taken it
		for range logQueueSize/1024 + 1000 {
			fmt.Fprint(q, line)
		}
		begin := time.Now()
		q.flush(time.Second)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("a flush took %v", took)
		}
		close(file.open)
		q.flush(time.Second)
		fmt.Fprint(q, "last\n")
		q.close(time.Second)
		synctest.Wait()
		got := strings.SplitAfter(file.String(), "\n")
		if got[0] != "first\n" || len(got) != 1+1024+3 || got[1] != line {
			t.Fatalf("%d lines", len(got))
		}
		const note = "jetcapture: 1,000 lines of the log were dropped, its reader was too slow\n"
		if end := strings.Join(got[1025:], ""); end != note+"last\n" {
			t.Errorf("it ends with %q", end)
		}
	})
}
