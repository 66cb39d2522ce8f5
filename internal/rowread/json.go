package rowread

import (
	"bytes"
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
