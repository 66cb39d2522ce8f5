package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/storetest"
)

// brokenBody yields some bytes, then calls a function and fails.
type brokenBody struct {
	io.Reader
	then func() error
}

// Read implements io.Reader.
func (b *brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		return n, b.then()
	}
	return n, err
}

// TestUnfinishedUploadsAreAborted: if the body of an object in parts breaks, or its caller gives up, no part stays on
// S3.
func TestUnfinishedUploadsAreAborted(t *testing.T) {
	t.Parallel()
	server := storetest.Start(t, storetest.S3)
	b := storetest.Open(t, server.NewBucket(t), cloud.Options{PartSize: 5 << 20})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errBroken := errors.New("spool is gone")
	for name, then := range map[string]func() error{
		"broken":    func() error { return errBroken },
		"cancelled": func() error { cancel(); return ctx.Err() },
	} {
		body := &brokenBody{bytes.NewReader(make([]byte, 12<<20)), then}
		err := b.PutNew(ctx, name, body, bucket.PutOptions{Size: 20 << 20})
		if !errors.Is(err, errBroken) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: PutNew = %v, want the error of the body or of the context", name, err)
		}
	}
	// The server may still be at work on a part whose upload was given up.
	left := filesBelow(t, server.Dir)
	for deadline := time.Now().Add(20 * time.Second); len(left) > 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond) //nolint:forbidigo // a poll with a deadline
		left = filesBelow(t, server.Dir)
	}
	if len(left) > 0 {
		t.Errorf("the server keeps %q, want nothing", left)
	}
}
