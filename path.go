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
	maxSuffix      = 24 // of a format, in bytes
	maxCodecSuffix = 8  // with its dot
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

// keyPath returns the segments of a key as the plan keeps them, and the directory that they make below the root where there is no Layout.
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
		err = a.checkDir(joinPath(path, engine.WindowDir(0)))
	}
	if err != nil {
		return nil, "", fmt.Errorf("make a path of key %v: %w", key, err)
	}
	return texts, path, nil
}

// dir returns the directory of a key, whose path keyPath has made, and a window.
func (a *ArchiveOptions[K]) dir(key []cutlog.Text, path string, window int64) (dir string, err error) {
	if a.Layout == nil {
		return joinPath(path, engine.WindowDir(window)), nil
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
	longest := cutlog.BlockName(a.Capture, "00000000", ^uint64(0), ^uint64(0), strings.Repeat("x", maxSuffix+maxCodecSuffix))
	return cutlog.CheckName(dir + "/" + longest)
}

// escapePath escapes each segment. None of a file's directories may begin with "_": readers of tables pass over those. EscapeSegment leaves one.
func escapePath(segments []string) string {
	escaped := make([]string, len(segments))
	for i, s := range segments {
		escaped[i] = cutlog.EscapeSegment(s)
		if rest, hidden := strings.CutPrefix(escaped[i], "_"); hidden {
			escaped[i] = "%5F" + rest
		}
	}
	return strings.Join(escaped, "/")
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
