package cloud

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/bucket"
)

// List implements bucket.Bucket. It leaves out keys that are not object names, such as the "directories" that some
// tools put.
func (s *store) List(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		for e, err := range s.ListAll(ctx, prefix, after) {
			if (err != nil || e.Odd == "") && !yield(e.Info, err) {
				return
			}
		}
	}
}

// ListAll implements bucket.AllLister. An empty object whose key ends with a slash is left out: tools put it to show a
// directory, and no reader takes it for more.
func (s *store) ListAll(ctx context.Context, prefix, after string) iter.Seq2[bucket.Entry, error] {
	return func(yield func(bucket.Entry, error) bool) {
		for info, err := range s.keys(ctx, prefix, after) {
			if err != nil {
				yield(bucket.Entry{}, fmt.Errorf("list %.900q in %s: %w", prefix, s.location, s.judgeAfter(ctx, err).error()))
				return
			}
			name := strings.TrimPrefix(info.Name, s.prefix)
			if name <= after || !strings.HasPrefix(name, prefix) || info.Size == 0 && strings.HasSuffix(name, "/") {
				continue
			}
			info.Name, info.ModTime = name, info.ModTime.UTC()
			e := bucket.Entry{Info: info}
			if err := bucket.CheckName(name); err != nil {
				e.Odd = err.Error()
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// keys yields the objects that a listing can hold, or more.
func (s *store) keys(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	if err := ctx.Err(); err != nil {
		return func(yield func(bucket.Info, error) bool) { yield(bucket.Info{}, err) }
	}
	if after = sendable(after); after != "" {
		after = s.prefix + after
	}
	return s.driver.list(ctx, s.prefix+sendable(prefix), after)
}

// sendable returns the longest beginning of a text that can be in a request, which ends before half a rune or a control
// character. List leaves out what is listed in excess because of that.
func sendable(text string) string {
	for i, r := range text {
		_, width := utf8.DecodeRuneInString(text[i:])
		if r < ' ' || r == 0x7f || r == utf8.RuneError && width == 1 {
			return text[:i]
		}
	}
	return text
}
