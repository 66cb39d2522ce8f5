package parquetwriter

import "unicode/utf8"

// maxDepth is how deep objects and arrays may be nested. encoding/json has the same limit.
const maxDepth = 10_000

// isJSON reports whether b is one JSON text (RFC 8259) that every engine can read: in valid UTF-8, not nested too deep,
// and without an escape of half a surrogate pair. stack is scratch space that is reused. It does not recurse, so that
// no payload can harm the process.
func isJSON(b []byte, stack *[]byte) bool {
	s := scanner{b: b, stack: (*stack)[:0]}
	ok := s.text() && (s.ascii() || utf8.Valid(b))
	*stack = s.stack
	return ok
}

// scanner scans JSON from b[i] on.
type scanner struct {
	b     []byte
	i     int
	stack []byte // of '{' and '['
	high  bool   // a byte above ASCII was seen
}

func (s *scanner) ascii() bool { return !s.high }

// text scans a value with white space around it, to the end.
func (s *scanner) text() bool {
	for {
		if !s.value() {
			return false
		}
		// A value is complete. What holds it may be complete now, too.
		for {
			s.space()
			if len(s.stack) == 0 {
				return s.i == len(s.b)
			}
			more, ok := s.after()
			if !ok {
				return false
			}
			if more {
				break
			}
		}
	}
}

// value scans to the end of a simple value, or to the first value of an array or object that is not empty.
func (s *scanner) value() bool {
	for {
		s.space()
		switch c := s.peek(); c {
		case '{', '[':
			s.i++
			if len(s.stack) == maxDepth {
				return false
			}
			s.space()
			if s.peek() == c+2 { // the brackets are two apart in ASCII
				s.i++
				return true
			}
			s.stack = append(s.stack, c)
			if c == '{' && !s.name() {
				return false
			}
		case '"':
			return s.string()
		case 't':
			return s.literal("true")
		case 'f':
			return s.literal("false")
		case 'n':
			return s.literal("null")
		default:
			return s.number()
		}
	}
}

// after scans what follows a value in an array or object: its end, or a comma and perhaps a name.
func (s *scanner) after() (more, ok bool) {
	open := s.stack[len(s.stack)-1]
	switch s.next() {
	case open + 2:
		s.stack = s.stack[:len(s.stack)-1]
		return false, true
	case ',':
		return true, open == '[' || s.name()
	}
	return false, false
}

// name scans the name of a member and its colon.
func (s *scanner) name() bool {
	s.space()
	if s.peek() != '"' || !s.string() {
		return false
	}
	s.space()
	return s.next() == ':'
}

// peek returns the next byte, 0 at the end: JSON has none outside of strings.
func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) next() byte {
	c := s.peek()
	s.i++
	return c
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) literal(word string) bool {
	end := s.i + len(word)
	if end > len(s.b) || string(s.b[s.i:end]) != word {
		return false
	}
	s.i = end
	return true
}

func (s *scanner) number() bool {
	if s.peek() == '-' {
		s.i++
	}
	if s.peek() == '0' {
		s.i++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		s.i++
		if !s.digits() {
			return false
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.i
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.i++
	}
	return s.i > start
}

func (s *scanner) string() bool {
	s.i++
	for s.i < len(s.b) {
		c := s.b[s.i]
		s.i++
		switch {
		case c == '"':
			return true
		case c == '\\':
			if !s.escape() {
				return false
			}
		case c < ' ':
			return false
		case c >= utf8.RuneSelf:
			s.high = true
		}
	}
	return false
}

// escape scans what follows a backslash. Surrogates come in pairs, the high one first.
func (s *scanner) escape() bool {
	switch s.next() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		unit, ok := s.hex()
		if !ok || unit < 0xD800 || unit > 0xDFFF {
			return ok
		}
		if unit > 0xDBFF || s.next() != '\\' || s.next() != 'u' {
			return false
		}
		low, ok := s.hex()
		return ok && low >= 0xDC00 && low <= 0xDFFF
	}
	return false
}

func (s *scanner) hex() (unit int, ok bool) {
	for range 4 {
		c := s.next()
		switch {
		case c >= '0' && c <= '9':
			unit = unit<<4 | int(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			unit = unit<<4 | int(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return unit, true
}
