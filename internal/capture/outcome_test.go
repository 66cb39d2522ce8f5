package capture

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

func TestClassify(t *testing.T) {
	cause := errors.New("no such file")
	for name, c := range map[string]struct {
		err  error
		want outcome
		ends bool // what was read is good and has to be cut
	}{
		"any error":               {cause, fatal, false},
		"a cancelled context":     {context.Canceled, fatal, false},
		"interrupted":             {engine.ErrInterrupted, interrupted, false},
		"behind":                  {&behindError{cause}, behind, false},
		"behind, for any reason":  {&behindError{reader.ErrDisturbed}, behind, false},
		"disturbed":               {reader.ErrDisturbed, disturbed, false},
		"diverged":                {&reader.DivergedError{Stream: "S"}, diverged, true},
		"the consumer is gone":    {&reader.ConsumerGoneError{}, fatal, true},
		"a writer lost its file":  {&blockError{fileLost, cause}, unwritten, false},
		"a writer cannot go on":   {&blockError{writerFailed, cause}, fatal, false},
		"the spool is full":       {&blockError{spoolFull, cause}, fatal, false},
		"stopped and interrupted": {errors.Join(context.Canceled, engine.ErrInterrupted), interrupted, false},
	} {
		for wrapping, err := range map[string]error{"": c.err, ", wrapped": fmt.Errorf("at a place: %w", c.err)} {
			if got := classify(err); got != c.want {
				t.Errorf("%s%s: outcome %d, want %d", name, wrapping, got, c.want)
			}
			if got := ends(err); got != c.ends {
				t.Errorf("%s%s: ends = %v, want %v", name, wrapping, got, c.ends)
			}
		}
	}
	if got := classify(nil); got != fatal {
		t.Errorf("no error: outcome %d, want %d", got, fatal)
	}
}

func TestUnlessFull(t *testing.T) {
	cause := errors.New("disk full")
	if err := unlessFull(&blockError{spoolFull, cause}); err != nil {
		t.Errorf("a full spool: %v, want no error", err)
	}
	for _, err := range []error{nil, cause, &blockError{fileLost, cause}} {
		if got := unlessFull(err); !errors.Is(got, err) || (got == nil) != (err == nil) {
			t.Errorf("unlessFull(%v) = %v, want it unchanged", err, got)
		}
	}
}

// TestBlockErrorsSayTheirCause: the trouble is for the run, the text and the cause for people.
func TestBlockErrorsSayTheirCause(t *testing.T) {
	cause := &PanicError{Who: "writer", Value: 7}
	err := &blockError{fileLost, fmt.Errorf("finish a block: %w", cause)}
	if got, want := err.Error(), "finish a block: writer panics: 7"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	var p *PanicError
	if !errors.As(err, &p) || p != cause {
		t.Errorf("cause %v, want %v", p, cause)
	}
}
