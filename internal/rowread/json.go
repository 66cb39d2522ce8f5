package rowread

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// body is what the rows of messages and of dead letters have in common.
type body struct {
	Subject    string              `json:"subject"`
	SubjectRaw []byte              `json:"subject_raw"`
	Header     map[string][]string `json:"header"`
	HeaderRaw  []byte              `json:"header_raw"`
	Data       []byte              `json:"data"`
}

func (b *body) fill(m *Message) {
	m.Subject, m.Header, m.Data = b.Subject, b.Header, b.Data
	if len(b.SubjectRaw) > 0 {
		m.Subject = string(b.SubjectRaw)
	}
	if len(b.HeaderRaw) > 0 {
		m.HeaderRaw = b.HeaderRaw
	}
}

// parseMessage reads NatsMessage of package jetcapture.
func parseMessage(line []byte, m *Message) error {
	if quickMessage(line, m) {
		return nil
	}
	var row struct {
		body
		Metadata *struct {
			Sequence struct {
				Stream uint64 `json:"stream_seq"`
			}
			Timestamp time.Time
		} `json:"metadata"`
	}
	if err := json.Unmarshal(line, &row); err != nil {
		return fmt.Errorf("the row is not a message: %w", err)
	}
	if row.Metadata == nil {
		return fmt.Errorf("the row is not a message: it has no metadata")
	}
	*m = Message{Seq: row.Metadata.Sequence.Stream, Time: row.Metadata.Timestamp}
	row.fill(m)
	return nil
}

// parseDeadLetter reads DeadLetter of package jetcapture.
func parseDeadLetter(line []byte, m *Message) error {
	var row struct {
		body
		Seq   uint64    `json:"seq"`
		Time  time.Time `json:"time"`
		Error string    `json:"error"`
	}
	if err := json.Unmarshal(line, &row); err != nil {
		return fmt.Errorf("the row is not a dead letter: %w", err)
	}
	*m = Message{Seq: row.Seq, Time: row.Time, Error: row.Error}
	row.fill(m)
	return nil
}

// parseEvent reads CloudEvent of package jetcapture.
func parseEvent(line []byte, m *Message) error {
	var row struct {
		ID         string              `json:"id"`
		Subject    string              `json:"subject"`
		SubjectRaw []byte              `json:"subject_raw"`
		Headers    map[string][]string `json:"headers"`
		HeadersRaw []byte              `json:"headers_raw"`
		Data       json.RawMessage     `json:"data"`
		DataBase64 []byte              `json:"data_base64"`
	}
	if err := json.Unmarshal(line, &row); err != nil {
		return fmt.Errorf("the row is not an event: %w", err)
	}
	seq, nanos, _ := strings.Cut(row.ID, "-")
	n, seqErr := strconv.ParseUint(seq, 10, 64)
	t, timeErr := strconv.ParseInt(nanos, 10, 64)
	if seqErr != nil || timeErr != nil {
		return fmt.Errorf("the row is not an event of a message: its id is %q", row.ID)
	}
	b := body{row.Subject, row.SubjectRaw, row.Headers, row.HeadersRaw, row.DataBase64}
	if row.Data != nil {
		b.Data = eventData(line, row.Data)
	}
	*m = Message{Seq: n, Time: time.Unix(0, t).UTC()}
	b.fill(m)
	return nil
}

// eventData returns the payload of an event with the blanks around it, which encoding/json drops. It is the last member
// of a row. No text and no header can hold what comes before it.
func eventData(line, parsed []byte) []byte {
	_, data, found := bytes.Cut(line, []byte(`,"datacontenttype":"application/json","data":`))
	if !found || !bytes.HasSuffix(data, []byte("}")) {
		return parsed
	}
	return data[:len(data)-1]
}

// quickMessage is parseMessage for the rows that jetcapture writes, without escapes. It returns false, and leaves m as
// it is, if a row is of another form: encoding/json knows all of them.
func quickMessage(line []byte, m *Message) bool {
	s := scanner{rest: line}
	subject := s.after(`{"subject":"`).text()
	s.after(`,"reply":"`).text()
	header := s.after(`,"header":`).header()
	data := s.after(`,"data":`).quoted()
	s.after(`,"metadata":{"Sequence":{"consumer_seq":`).number()
	seq := s.after(`,"stream_seq":`).number()
	s.after(`},"NumDelivered":`).number()
	s.after(`,"NumPending":`).number()
	stamp := s.after(`,"Timestamp":"`).text()
	s.after(`,"Stream":"`).text()
	s.after(`,"Consumer":"`).text()
	s.after(`,"Domain":"`).text()
	s.after(`}}`)
	if s.bad || len(s.rest) > 0 {
		return false
	}
	t, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return false
	}
	// It is decoded where it lies, so this comes last.
	n, err := base64.StdEncoding.Decode(data, data)
	if err != nil {
		return false
	}
	*m = Message{Seq: seq, Time: t, Subject: string(subject), Header: header, Data: data[:n]}
	return true
}

// scanner reads JSON of a known form. After the first thing that it does not expect, it is bad for good.
type scanner struct {
	rest []byte
	bad  bool
}

// after passes over what must come next.
func (s *scanner) after(text string) *scanner {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		s.bad, s.rest = true, nil
		return s
	}
	s.rest = s.rest[len(text):]
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

// null passes over a null, and reports whether there is one.
func (s *scanner) null() bool {
	if !bytes.HasPrefix(s.rest, []byte("null")) {
		return false
	}
	s.rest = s.rest[len("null"):]
	return true
}

// quoted returns a string without escapes, or nil for null.
func (s *scanner) quoted() []byte {
	if s.null() {
		return nil
	}
	return s.after(`"`).text()
}

// header returns an object of arrays of strings, or nil for null.
func (s *scanner) header() map[string][]string {
	if s.null() {
		return nil
	}
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
