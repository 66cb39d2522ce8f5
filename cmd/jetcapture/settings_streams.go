package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/fleet"
)

// streamSettings choose streams, where --stream-name does not name a single one. Each stream that is chosen is a
// capture of its own, of the stream's name (captureName).
type streamSettings struct {
	subject string // streams that listen to it; empty: any
	optIn   bool   // streams that say so in their metadata
	exclude []string
	most    int
}

// optInKey is the metadata by which a stream says that it is to be captured.
const optInKey = "io.jetcapture.capture"

// defaultMostStreams is how many streams are captured if nothing else is said.
const defaultMostStreams = 1000

func (s *streamSettings) options() []option {
	return []option{
		{
			name: "stream-subject", arg: "SUBJECT", value: text(&s.subject),
			help: "capture the streams that listen to this subject, or to a part of it as in 'orders.>'",
		},
		{
			name: "stream-opt-in", value: boolean(&s.optIn),
			help: "capture the streams that have the metadata " + optInKey + ": true, or the name of this capture in the " +
				"configuration file instead of true",
		},
		{
			name: "exclude-stream", arg: "PATTERN", value: texts(&s.exclude),
			help: "leave out streams of this name, which may have * as in 'KV_*'; repeatable",
		},
		{
			name: "max-streams", arg: "N", value: count(&s.most),
			help: "capture so many streams at most, the first ones by name; the log says that there are more",
		},
	}
}

// isPattern reports whether the settings stand for the streams that match, and not for a single one.
func (s *settings) isPattern() bool {
	return s.streams.subject != "" || s.streams.optIn || strings.Contains(s.capture.library.NATSStreamName, "*")
}

// unit names what the settings begin: a capture by its name in the archive, or a pattern.
func (s *settings) unit() string {
	if s.isPattern() {
		return patternUnitName(cmp.Or(s.name, s.capture.library.NATSStreamName, s.streams.subject, optInKey))
	}
	return s.capture.name()
}

// patternUnitName names a pattern by its name in a file, or by what chooses its streams: a stream may have that name.
func patternUnitName(name string) string { return patternPrefix + name }

// isPatternUnit reports whether a unit of that name is a pattern.
func isPatternUnit(name string) bool { return strings.HasPrefix(name, patternPrefix) }

const patternPrefix = "streams of "

// checkStreams returns what is wrong with a pattern.
func (s *settings) checkStreams() (problems []error) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if !s.isPattern() {
		if len(s.streams.exclude) > 0 {
			add("--exclude-stream: is for streams by pattern: give a --stream-name with *, or --stream-subject or " +
				"--stream-opt-in")
		}
		return problems
	}
	for _, p := range append([]string{s.capture.library.NATSStreamName}, s.streams.exclude...) {
		if _, err := path.Match(p, ""); err != nil {
			add("%q is not a pattern of names of streams, write it as in 'ORDERS-*'", p)
		}
	}
	if s.name == "" && s.capture.library.Archive.Capture != "" {
		add("--capture: each stream that matches is a capture of its own name")
	}
	if s.capture.slice != (seqRange{}) {
		add("--range: is a range of one stream: give its name by --stream-name")
	}
	if s.service.position != "" {
		add("--events-webhook: keeps one position, and cannot tell the events of several streams")
	}
	if s.streams.most == 0 {
		add("--max-streams: must be 1 or more")
	}
	return problems
}

// choosesName reports whether a stream of that name may be one of the pattern's. The stream of a fleet is not, unless
// the pattern is its name.
func (s *settings) choosesName(stream string) bool {
	matches := func(pattern string) bool {
		ok, err := path.Match(pattern, stream)
		return ok && err == nil
	}
	named := s.capture.library.NATSStreamName
	switch {
	case fleet.OwnsStream(stream) && stream != named, stream == s.service.stream:
		return false
	case !matches(cmp.Or(named, "*")), slices.ContainsFunc(s.streams.exclude, matches):
		return false
	}
	return true
}

// choosesMetadata reports whether a stream with this metadata is one of the pattern's.
func (s *settings) choosesMetadata(metadata map[string]string) bool {
	says := metadata[optInKey]
	return !s.streams.optIn || says == "true" || says != "" && says == s.name
}

// of returns the settings of the capture of one stream of the pattern. A stream that appeared while the process runs
// is captured from its first message, whatever --start says of those before.
func (s *settings) of(stream string, appeared bool) *settings {
	one := *s
	one.name, one.pattern, one.streams = captureName(stream), s.unit(), streamSettings{}
	one.capture.library.NATSStreamName, one.capture.library.Archive.Capture = stream, one.name
	if appeared {
		one.capture.library.Start = jetcapture.Start{}
	}
	return &one
}

// nameHash is how many characters of the hash of a stream's name are in the name of its capture, 5 bits each.
const nameHash = 13

// captureName names the capture of a stream of a pattern: as the stream, or if an archive does not take that, mostly
// since it is too long, by its beginning, a dot, and a hash. No stream has a dot in its name, so none has this one. A
// capture goes on by its name, so every version must give the same.
func captureName(stream string) string {
	fits := func(name string) bool { return cutlog.CheckNewCapture(cutlog.EscapeSegment(name)) == nil }
	if fits(stream) {
		return stream
	}
	sum := sha256.Sum256([]byte(stream))
	hash := "." + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:nameHash]
	keep := stream
	for !fits(keep + hash) {
		_, last := utf8.DecodeLastRuneInString(keep)
		keep = keep[:len(keep)-last]
	}
	return keep + hash
}
