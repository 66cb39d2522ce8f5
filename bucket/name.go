package bucket

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of object names, in bytes. They fit every store and leave room for a prefix: S3 and GCS take names of 1024
// bytes, Azure of 1024 characters, common file systems segments of 255 bytes.
const (
	MaxName    = 900
	MaxSegment = 200
)

// CheckName returns a permanent error unless every store can take the name: valid UTF-8 without control characters and
// backslashes, at most MaxName bytes, made of segments of 1 to MaxSegment bytes that are neither "." nor "..", with one
// slash between two of them. All drivers call it before anything else, so that a name is valid everywhere or nowhere.
func CheckName(name string) error {
	if fault := nameFault(name); fault != "" {
		return Permanent(fmt.Errorf("invalid object name %.100q: %s", name, fault))
	}
	return nil
}

// nameFault returns what is wrong with a name, or an empty string.
func nameFault(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case len(name) > MaxName:
		return fmt.Sprintf("it has %d bytes, at most %d are allowed", len(name), MaxName)
	case !utf8.ValidString(name):
		return "it is not UTF-8"
	case strings.ContainsFunc(name, forbidden):
		return "it holds a control character or a backslash"
	}
	for segment := range strings.SplitSeq(name, "/") {
		switch {
		case segment == "":
			return "it begins or ends with a slash, or has two in a row"
		case segment == ".", segment == "..":
			return "it has a segment of dots"
		case len(segment) > MaxSegment:
			return fmt.Sprintf("a segment has %d bytes, at most %d are allowed", len(segment), MaxSegment)
		}
	}
	return ""
}

// forbidden reports whether a rune cannot be listed in XML (S3), or separates segments on some systems (Windows,
// Azure).
func forbidden(r rune) bool {
	return r < ' ' || r == 0x7f || r == '\\'
}

// CheckRange refuses, as a permanent error, an offset and a length that no object can have; see Bucket.Open.
func CheckRange(offset, length int64) error {
	if offset < 0 || length < -1 {
		return Permanent(fmt.Errorf("invalid range: offset %d, length %d", offset, length))
	}
	return nil
}
