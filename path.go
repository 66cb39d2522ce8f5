package jetcapture

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
)

const (
	maxSuffix      = 24 // bytes of Options.Suffix
	maxCodecSuffix = 8  // bytes of a codec's suffix, with its dot
)

// segments returns the path segments of a key, not escaped.
func (a *ArchiveOptions[K]) segments(key K) (segments []string, err error) {
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

// keyPath returns the segments of a key as a plan keeps them, and the directory that they make below the root without a
// Layout.
func (a *ArchiveOptions[K]) keyPath(key K) (texts []cutlog.Text, path string, err error) {
	segments, err := a.segments(key)
	if err != nil {
		return nil, "", fmt.Errorf("make a path of key %v: %w", key, err)
	}
	for _, s := range segments {
		texts = append(texts, cutlog.Text(s))
	}
	path = escapePath(segments)
	if a.Layout == nil {
		err = a.checkDir(windowPath(path, 0))
	}
	if err != nil {
		return nil, "", fmt.Errorf("make a path of key %v: %w", key, err)
	}
	return texts, path, nil
}

// dir returns the directory of a key and a window. The arguments key and path are the results of keyPath.
func (a *ArchiveOptions[K]) dir(key []cutlog.Text, path string, window int64) (dir string, err error) {
	if a.Layout == nil {
		return windowPath(path, window), nil
	}
	err = guard(func() error {
		dir = escapePath(a.Layout(capture.Texts(key), time.Unix(0, window).UTC()))
		return nil
	})
	if err == nil {
		err = a.checkDir(dir)
	}
	if err != nil {
		return "", fmt.Errorf("lay out key %q: %w", capture.Texts(key), err)
	}
	return dir, nil
}

// checkDir checks that every store takes the names of files in a directory.
func (a *ArchiveOptions[K]) checkDir(dir string) error {
	suffix := strings.Repeat("x", maxSuffix+maxCodecSuffix)
	longest := cutlog.BlockName(a.Capture, "00000000", ^uint64(0), ^uint64(0), suffix)
	return cutlog.CheckName(dir + "/" + longest)
}

// escapePath escapes each segment and joins them.
func escapePath(segments []string) string {
	escaped := make([]string, len(segments))
	for i, s := range segments {
		escaped[i] = cutlog.EscapeDir(s)
	}
	return strings.Join(escaped, "/")
}

// windowPath returns the directory of a window below that of a key, which is empty for a key without segments.
func windowPath(key string, window int64) string {
	if key == "" {
		return engine.WindowDir(window)
	}
	return key + "/" + engine.WindowDir(window)
}
