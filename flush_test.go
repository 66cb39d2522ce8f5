package jetcapture_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natstest"
)

func TestFlush(t *testing.T) {
	r := newRig(t)
	c := start(r, r.nc, with(r.options(), func(o *options) { o.Once = false }))
	for range 3 {
		r.publish(20)
		c.untilRead(r.last)
		if err := c.Flush(natsContext(t)); err != nil {
			t.Fatal(err)
		}
		if stored := c.Stats().StoredSeq; stored != r.last {
			t.Errorf("after a flush everything up to %d is stored, want %d", stored, r.last)
		}
	}
	if err := c.Flush(natsContext(t)); err != nil { // of nothing
		t.Error(err)
	}
	c.finish()
	if reasons := strings.Join(r.wantAll().Reasons(), " "); reasons != "open flush flush flush" {
		t.Errorf("cuts for %s", reasons)
	}
	if err := c.Flush(natsContext(t)); !errors.Is(err, jetcapture.ErrNotRunning) {
		t.Errorf("Flush after the end = %v, want ErrNotRunning", err)
	}
}

func TestFlushBeforeRun(t *testing.T) {
	r := newRig(t)
	if err := jetcapture.New(r.options()).Flush(natsContext(t)); !errors.Is(err, jetcapture.ErrNotRunning) {
		t.Errorf("Flush = %v, want ErrNotRunning", err)
	}
}

// TestFlushWaitsForTheStore: a flush gets its answer when all is stored, or when its context ends.
func TestFlushWaitsForTheStore(t *testing.T) {
	r := newRig(t)
	held, open := gated(r.bucket)
	c := start(r, r.nc, with(r.options(), func(o *options) { o.Once, o.Archive.Bucket = false, held }))
	r.publish(20)
	c.untilRead(r.last)
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := c.Flush(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Flush while the store gives no answer = %v", err)
	}
	r.publish(20)
	c.untilRead(r.last)
	answers := make(chan error, 3)
	for range cap(answers) {
		go func() { answers <- c.Flush(natsContext(t)) }()
	}
	open()
	for range cap(answers) {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if stored := c.Stats().StoredSeq; stored != r.last {
		t.Errorf("everything up to %d is stored, want %d", stored, r.last)
	}
	c.finish()
	r.wantAll()
}

// TestFlushIsAnsweredByTheEnd: the last cut stores what a flush waits for.
func TestFlushIsAnsweredByTheEnd(t *testing.T) {
	r := newRig(t)
	held, open := gated(r.bucket)
	c := start(r, r.nc, with(r.options(), func(o *options) { o.Once, o.Archive.Bucket = false, held }))
	r.publish(20)
	c.untilRead(r.last)
	answer := make(chan error, 1)
	go func() { answer <- c.Flush(natsContext(t)) }()
	natstest.Eventually(t, patience, "plan 2", func() bool {
		_, err := r.bucket.Stat(t.Context(), cutlog.PlanName("S", 2))
		return err == nil
	})
	c.stop()
	open()
	if err := <-answer; err != nil {
		t.Errorf("Flush = %v", err)
	}
	c.finish()
	r.wantAll()
}
