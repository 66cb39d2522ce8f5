package jetcapture_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
)

// TestLargestBlocks: the largest open blocks come first, and none is left after a cut.
func TestLargestBlocks(t *testing.T) {
	r := newRig(t)
	c := start(r, r.nc, with(r.options(), func(o *options) { o.Once, o.MaxAge = false, 24*time.Hour }))
	r.publish(60)
	c.untilRead(r.last)
	open := c.Stats().OpenBlocks
	all, err := c.LargestBlocks(natsContext(t), 1000)
	if err != nil || int64(len(all)) != open || open < 2 {
		t.Fatalf("%d blocks, want all %d, %v", len(all), open, err)
	}
	messages := int64(0)
	for i, b := range all {
		messages += b.Messages
		if i > 0 && b.Bytes > all[i-1].Bytes || b.Bytes == 0 || len(b.Key) == 0 && !b.Dead || b.Window.IsZero() {
			t.Errorf("block %d of %+v", i, all)
		}
	}
	if want := c.Stats().Messages; messages != want {
		t.Errorf("the blocks hold %d messages, want %d", messages, want)
	}
	two, err := c.LargestBlocks(natsContext(t), 2)
	if err != nil || len(two) != 2 || two[0].Bytes != all[0].Bytes || two[1].Bytes != all[1].Bytes {
		t.Errorf("the largest two: %+v, %v", two, err)
	}
	if none, err := c.LargestBlocks(natsContext(t), 0); err != nil || len(none) != 0 {
		t.Errorf("none of them: %+v, %v", none, err)
	}
	if err := c.Flush(natsContext(t)); err != nil {
		t.Fatal(err)
	}
	if left, err := c.LargestBlocks(natsContext(t), 10); err != nil || slices.ContainsFunc(left, notEmpty) {
		t.Errorf("after a cut of everything: %+v, %v", left, err)
	}
	c.finish()
	if _, err := c.LargestBlocks(natsContext(t), 1); !errors.Is(err, jetcapture.ErrNotRunning) {
		t.Errorf("after the end: %v, want ErrNotRunning", err)
	}
	if _, err := jetcapture.New(r.options()).LargestBlocks(natsContext(t), 1); !errors.Is(err, jetcapture.ErrNotRunning) {
		t.Errorf("before Run: %v, want ErrNotRunning", err)
	}
}

func notEmpty(b jetcapture.OpenBlock) bool { return b.Messages > 0 }
