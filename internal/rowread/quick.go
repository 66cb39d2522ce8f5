package rowread

import (
	"bytes"
	"errors"
)

// quick reads the rows of messages that jetcapture writes, without escapes, and leaves others to parseMessage. It
// remembers how the row before begins and ends: most rows of a file have that in common, which one comparison tells.
type quick struct {
	*lines
	want    Parts
	decoder *base64Decoder
	stamps  stamps

	head    []byte // of the row before, up to its payload; empty: there is none, or it has a header
	subject string // that head holds, if it is wanted
	tail    []byte // of the row before, from behind its time, with the line feed; empty: there is none
}

// What is between the parts of a row.
const (
	beforeSeq  = `,"metadata":{"Sequence":{"consumer_seq":0,"stream_seq":`
	beforeTime = `},"NumDelivered":0,"NumPending":0,"Timestamp":"`
)

// Next implements Reader.
func (q *quick) Next(m *Message) error {
	*m = Message{}
	if q.common(m) {
		return nil
	}
	line, err := q.next()
	if err != nil {
		return err
	}
	return notRow(q.parse(line, m))
}

// common reads a row where it lies in the buffer, without looking for its end first, and reports whether it did. Such a
// row begins and ends as the row before, and is not longer than most. Otherwise nothing is read.
func (q *quick) common(m *Message) bool {
	ahead, _ := q.in.Peek(min(q.in.Buffered(), maxCommon)) // never fails: they are there
	if len(q.head) == 0 || len(q.tail) == 0 || !bytes.HasPrefix(ahead, q.head) {
		return false
	}
	read, written := q.decoder.decode(q.scratch.data[:], ahead[len(q.head):])
	s := scanner{rest: ahead[len(q.head)+read:]}
	m.Subject, m.Data = q.subject, q.scratch.data[:written]
	s.after(`"`)
	m.Seq = s.sequence()
	stamp := s.stamp()
	if s.bad || bytes.IndexByte(stamp, '\n') >= 0 || !bytes.HasPrefix(s.rest, q.tail) || !q.readTime(stamp, m) {
		return false
	}
	_, err := q.in.Discard(len(ahead) - len(s.rest) + len(q.tail))
	return err == nil
}

// readTime reads a time if it is wanted, and reports whether it is one.
func (q *quick) readTime(stamp []byte, m *Message) (ok bool) {
	if q.want&Time == 0 {
		return true
	}
	m.Time, ok = q.stamps.parse(stamp)
	return ok
}

// parse reads a row without its line feed, which is behind it.
func (q *quick) parse(line []byte, m *Message) error {
	s := scanner{rest: line}
	q.readHead(&s, line, m)
	data := s.text()
	m.Seq = s.sequence()
	stamp := s.stamp()
	q.readTail(&s)
	if s.bad || !q.readTime(stamp, m) {
		return parseMessage(line, m)
	}
	var ok bool
	if m.Data, ok = q.decodeHere(data); !ok { // it is spoiled, so this comes last
		return errors.New("the row is not a message: its payload is not base64")
	}
	return nil
}

// decodeHere decodes a text where it lies. If ok is false, the text is spoiled.
func (q *quick) decodeHere(text []byte) (data []byte, ok bool) {
	data = text[:0]
	for padded := false; len(text) > 0; {
		read, written := q.decoder.decode(q.scratch.data[:], text)
		if padded || read == 0 {
			return nil, false
		}
		data, text, padded = append(data, q.scratch.data[:written]...), text[read:], written%3 != 0
	}
	return data, true
}

// readHead reads what comes before the payload, and remembers it if it has no header.
func (q *quick) readHead(s *scanner, line []byte, m *Message) {
	if len(q.head) > 0 && bytes.HasPrefix(line, q.head) {
		m.Subject, s.rest = q.subject, line[len(q.head):]
		return
	}
	q.head = q.head[:0]
	subject := s.after(`{"subject":"`).text()
	if q.want&Subject != 0 {
		m.Subject = string(subject)
	}
	s.after(`,"reply":"`).text()
	s.after(`,"header":`)
	switch {
	case s.skip(`{},"data":"`):
		q.head = append(q.head, line[:len(line)-len(s.rest)]...)
		q.subject = m.Subject
	case q.want&Header != 0:
		m.Header = s.header()
		s.after(`,"data":"`)
	default:
		s.to(`},"data":"`) // no string holds it: it would end with the first quotation mark
	}
}

// sequence reads what is between the payload and the stream sequence, and that.
func (s *scanner) sequence() uint64 {
	if !s.skip(beforeSeq) {
		s.after(`,"metadata":{"Sequence":{"consumer_seq":`).number()
		s.after(`,"stream_seq":`)
	}
	return s.number()
}

// stamp reads what is between the stream sequence and the time, and that.
func (s *scanner) stamp() []byte {
	if !s.skip(beforeTime) {
		s.after(`},"NumDelivered":`).number()
		s.after(`,"NumPending":`).number()
		s.after(`,"Timestamp":"`)
	}
	return s.text()
}

// readTail reads what comes behind the time, and remembers it.
func (q *quick) readTail(s *scanner) {
	tail := s.rest
	s.after(`,"Stream":"`).text()
	s.after(`,"Consumer":"`).text()
	s.after(`,"Domain":"`).text()
	s.after(`}}`)
	if s.bad = s.bad || len(s.rest) > 0; !s.bad {
		q.tail = append(append(q.tail[:0], tail...), '\n')
	}
}

// scanner reads JSON of a known form. After the first thing that it does not expect, it is bad for good.
type scanner struct {
	rest []byte
	bad  bool
}

// after passes over what must come next.
func (s *scanner) after(text string) *scanner {
	if !s.skip(text) {
		s.bad, s.rest = true, nil
	}
	return s
}

// text returns the rest of a string that has no escape, and passes over its end.
func (s *scanner) text() []byte {
	end := bytes.IndexByte(s.rest, '"')
	if end < 0 || bytes.IndexByte(s.rest[:end], '\\') >= 0 {
		s.bad, s.rest = true, nil
		return nil
	}
	t := s.rest[:end]
	s.rest = s.rest[end+1:]
	return t
}

// number returns an unsigned number.
func (s *scanner) number() (n uint64) {
	i := 0
	for ; i < len(s.rest) && i < 20 && s.rest[i] >= '0' && s.rest[i] <= '9'; i++ {
		n = n*10 + uint64(s.rest[i]-'0')
	}
	s.bad = s.bad || i == 0 || i == 20 // 20 digits may not fit
	s.rest = s.rest[i:]
	return n
}

// skip passes over a text if it comes next, and reports whether it does.
func (s *scanner) skip(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

// to passes over everything up to a text, and over that.
func (s *scanner) to(text string) {
	at := bytes.Index(s.rest, []byte(text))
	if at < 0 {
		s.bad, s.rest = true, nil
		return
	}
	s.rest = s.rest[at+len(text):]
}

// header returns an object of arrays of strings.
func (s *scanner) header() map[string][]string {
	h := map[string][]string{}
	s.after(`{`)
	for !s.bad && !bytes.HasPrefix(s.rest, []byte("}")) {
		if len(h) > 0 {
			s.after(`,`)
		}
		name := string(s.after(`"`).text())
		h[name] = s.after(`:`).strings()
	}
	s.after(`}`)
	return h
}

// strings returns an array of strings.
func (s *scanner) strings() (values []string) {
	s.after(`[`)
	for !s.bad && !bytes.HasPrefix(s.rest, []byte("]")) {
		if len(values) > 0 {
			s.after(`,`)
		}
		values = append(values, string(s.after(`"`).text()))
	}
	s.after(`]`)
	return values
}
