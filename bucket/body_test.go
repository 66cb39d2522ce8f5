package bucket_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jetcapture/jetcapture/bucket"
)

// shapes are the ways in which a good reader may yield its bytes.
func shapes() map[string]func(io.Reader) io.Reader {
	return map[string]func(io.Reader) io.Reader{
		"plain":        func(r io.Reader) io.Reader { return r },
		"one byte":     iotest.OneByteReader,
		"half":         iotest.HalfReader,
		"data and EOF": iotest.DataErrReader,
		"nothing at times": func(r io.Reader) io.Reader {
			return &stuttering{r: r}
		},
	}
}

// stuttering yields nothing at every other read.
type stuttering struct {
	r   io.Reader
	odd bool
}

func (s *stuttering) Read(p []byte) (int, error) {
	if s.odd = !s.odd; s.odd {
		return 0, nil
	}
	return s.r.Read(p)
}

func TestCheckBody(t *testing.T) {
	const content = "exactly these bytes"
	sum, wrong := sha256.Sum256([]byte(content)), sha256.Sum256(nil)
	size := int64(len(content))
	for _, test := range []struct {
		name string
		opts bucket.PutOptions
		want error
	}{
		{"right", bucket.PutOptions{Size: size, SHA256: sum[:]}, nil},
		{"right without sum", bucket.PutOptions{Size: size}, nil},
		{"unknown size", bucket.PutOptions{Size: -1}, nil},
		{"unknown size with sum", bucket.PutOptions{Size: -1, SHA256: sum[:]}, nil},
		{"short", bucket.PutOptions{Size: size + 1, SHA256: sum[:]}, bucket.ErrBody},
		{"long", bucket.PutOptions{Size: size - 1, SHA256: sum[:]}, bucket.ErrBody},
		{"wrong sum", bucket.PutOptions{Size: size, SHA256: wrong[:]}, bucket.ErrBody},
		{"unknown size, wrong sum", bucket.PutOptions{Size: -1, SHA256: wrong[:]}, bucket.ErrBody},
		{"should be empty", bucket.PutOptions{Size: 0}, bucket.ErrBody},
	} {
		for shape, as := range shapes() {
			body := bucket.CheckBody(t.Context(), as(strings.NewReader(content)), test.opts)
			got, err := io.ReadAll(body)
			if !errors.Is(err, test.want) || err == nil && string(got) != content {
				t.Errorf("%s, %s: %q, %v, want %v", test.name, shape, got, err, test.want)
			}
			if n, again := body.Read(make([]byte, 1)); n != 0 || again == nil || err != nil && !errors.Is(again, err) {
				t.Errorf("%s, %s: another Read = %d, %v, want the same end", test.name, shape, n, again)
			}
		}
	}
}

// TestCheckBodyHoldsBackTheLastBytes: a client that stops at the announced size must not get that far with a wrong
// body.
func TestCheckBodyHoldsBackTheLastBytes(t *testing.T) {
	content := []byte("some bytes")
	wrong := sha256.Sum256(nil)
	for name, opts := range map[string]bucket.PutOptions{
		"wrong sum": {Size: int64(len(content)), SHA256: wrong[:]},
		"long":      {Size: int64(len(content)) - 1},
	} {
		for shape, as := range shapes() {
			body := bucket.CheckBody(t.Context(), as(bytes.NewReader(content)), opts)
			got := make([]byte, opts.Size)
			if n, err := io.ReadFull(body, got); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("%s, %s: %d of %d bytes, %v, want an error", name, shape, n, opts.Size, err)
			}
		}
	}
}

func TestCheckBodyErrors(t *testing.T) {
	errSpool := errors.New("spool")
	body := io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(errSpool))
	_, err := io.ReadAll(bucket.CheckBody(t.Context(), body, bucket.PutOptions{Size: 3}))
	if !errors.Is(err, errSpool) || errors.Is(err, bucket.ErrBody) {
		t.Errorf("error is %v, want that of the body", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = io.ReadAll(bucket.CheckBody(ctx, strings.NewReader("abc"), bucket.PutOptions{Size: 3}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want that of the context", err)
	}

	_, err = io.ReadAll(bucket.CheckBody(t.Context(), idle{}, bucket.PutOptions{Size: 0}))
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error is %v, want io.ErrNoProgress", err)
	}
}

// idle yields nothing, for ever.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }
