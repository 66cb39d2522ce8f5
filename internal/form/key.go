package form

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/internal/source"
)

// Key is a destination key: the directories that a message goes into, each as its length (a varint) and its text. Equal
// directories give equal keys, different ones give different keys. The zero value is no directory.
type Key string

var (
	errKey = errors.New("malformed key")
	// errKeyNotUTF8 is for directories NAME=VALUE: readers of partitions take the value for a text.
	errKeyNotUTF8 = errors.New("it is not valid UTF-8, and no value of a partition")
)

// Segments takes the key apart, for Options.Archive.
func (k Key) Segments() (segments []string, err error) {
	rest := []byte(k)
	for len(rest) > 0 {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) {
			return nil, errKey
		}
		end := size + int(n)
		segments = append(segments, string(rest[size:end]))
		rest = rest[end:]
	}
	return segments, nil
}

// maxInterned bounds how many keys a keyMaker remembers.
const maxInterned = 4096

// keyMaker makes keys, the same string for the same key as long as it remembers it: most messages need no memory of
// their own for it.
type keyMaker struct {
	key, segment []byte
	interned     map[string]Key
}

// begin starts a key.
func (m *keyMaker) begin() { m.key = m.key[:0] }

// add appends a directory: the value, or name=value if there is a name.
func (m *keyMaker) add(name string, v source.Value) error {
	if v.Kind == source.JSON {
		return source.ErrCompositeKey
	}
	if v.HalfPair() {
		return source.ErrHalfPairKey
	}
	m.segment = m.segment[:0]
	if name != "" {
		m.segment = append(append(m.segment, name...), '=')
	}
	if v.Absent() {
		m.segment = append(m.segment, source.None...)
	} else {
		start := len(m.segment)
		m.segment = v.AppendText(m.segment)
		if name != "" && !utf8.Valid(m.segment) {
			return errKeyNotUTF8
		}
		switch {
		case looksAbsent(m.segment[start:]):
			m.segment = slices.Insert(m.segment, start, '_')
		case name != "":
			m.segment = source.GuardPartition(m.segment, start)
		}
	}
	m.key = binary.AppendUvarint(m.key, uint64(len(m.segment)))
	m.key = append(m.key, m.segment...)
	return nil
}

// looksAbsent reports whether a value is source.None, perhaps with more underscores in front. Such a value gets one
// more underscore, so that no value shares the directory of the messages that have none.
func looksAbsent(text []byte) bool {
	return len(text) >= len(source.None) && text[0] == '_' && strings.TrimLeft(string(text), "_") == source.None[1:]
}

// end returns the key.
func (m *keyMaker) end() Key {
	if k, ok := m.interned[string(m.key)]; ok {
		return k
	}
	if m.interned == nil || len(m.interned) >= maxInterned {
		m.interned = map[string]Key{}
	}
	k := Key(m.key)
	m.interned[string(k)] = k
	return k
}
