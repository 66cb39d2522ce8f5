package jetcapture

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

const (
	maxSuffix      = 24 // of a format, in bytes
	maxCodecSuffix = 8  // with its dot
)

// segments returns the path segments of a key, not escaped.
func (a *Archive[K]) segments(key K) (segments []string, err error) {
	if a.Segments != nil {
		err = guard(func() (err error) {
			segments, err = a.Segments(key)
			return err
		})
		return segments, err
	}
	if v := reflect.ValueOf(key); v.Kind() == reflect.String {
		return []string{v.String()}, nil
	}
	return []string{fmt.Sprint(key)}, nil
}

// keyPath returns the segments of a key as the plan keeps them, and the directory that they make below the root.
func (a *Archive[K]) keyPath(key K) (texts []cutlog.Text, path string, err error) {
	segments, err := a.segments(key)
	if err != nil {
		return nil, "", fmt.Errorf("make a path of key %v: %w", key, err)
	}
	escaped := make([]string, len(segments))
	for i, s := range segments {
		texts = append(texts, cutlog.Text(s))
		escaped[i] = cutlog.EscapeSegment(s)
	}
	path = strings.Join(escaped, "/")
	longest := cutlog.BlockName(a.Capture, "00000000", ^uint64(0), ^uint64(0), strings.Repeat("x", maxSuffix+maxCodecSuffix))
	if err := cutlog.CheckName(joinPath(path, engine.WindowDir(0), longest)); err != nil {
		return nil, "", fmt.Errorf("make a path of key %v: %w", key, err)
	}
	return texts, path, nil
}

// joinPath joins the parts that are not empty with slashes.
func joinPath(parts ...string) string {
	kept := parts[:0:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "/")
}

// fileSuffix joins the suffix of a format and of a codec.
func fileSuffix(format, codec string) string {
	return strings.Trim(format+"."+codec, ".")
}
