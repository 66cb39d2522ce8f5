package jetcapture

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"

	"github.com/jetcapture/jetcapture/internal/jsontext"
)

// CloudEvent is a message that NewLineDelimitedJSON writes in the JSON format of CloudEvents 1.0
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md), so that it can be queried
// without base64:
//
//	specversion      "1.0"
//	id               stream sequence, "-", and time in nanoseconds since 1970: unique, even if a stream is recreated
//	source           "/streams/" and the name of the stream
//	type             "io.jetcapture.message"
//	subject          the subject
//	time             when the stream took the message
//	sequence         the stream sequence with 20 digits, as the extension of that name has it
//	headers          the headers, an array for each name; only if there are any
//	datacontenttype  "application/json", or "application/octet-stream" with data_base64
//	data             the payload, if it is JSON (RFC 8259, UTF-8, no half of a surrogate pair), on one line
//	data_base64      the payload, if it is not JSON
//
// An empty payload has neither data nor data_base64. A subject that is not UTF-8 is kept in subject_raw as well, and a
// header of which headers does not hold all in headers_raw, as in NatsMessage. CloudEvents has no attributes that are
// arrays, so strict readers may object to headers, and to nothing else.
type CloudEvent struct{ *NatsMessage }

// AppendJSON implements JSONAppender. It fails if there is no metadata, or if RFC 3339 cannot express the time.
func (e CloudEvent) AppendJSON(dst []byte) ([]byte, error) {
	m := e.NatsMessage
	if m == nil || m.Metadata == nil {
		return dst, errors.New("the message has no metadata")
	}
	seq := m.Metadata.Sequence.Stream
	dst = append(dst, `{"specversion":"1.0","id":"`...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, '-')
	dst = strconv.AppendInt(dst, m.Metadata.Timestamp.UnixNano(), 10)
	dst = append(dst, `","source":"/streams/`...)
	dst = append(dst, url.PathEscape(m.Metadata.Stream)...)
	dst = append(dst, `","type":"io.jetcapture.message","subject":`...)
	dst = jsontext.AppendString(dst, m.Subject)
	if len(m.SubjectRaw) > 0 {
		dst = jsontext.AppendBytes(append(dst, `,"subject_raw":`...), m.SubjectRaw)
	}
	dst = append(dst, `,"time":"`...)
	dst, err := m.Metadata.Timestamp.AppendText(dst)
	if err != nil {
		return dst, errors.New("the message's time cannot be written as RFC 3339")
	}
	dst = append(dst, `","sequence":"`...)
	dst = append(appendPadded(dst, seq), '"')
	if len(m.Header) > 0 {
		dst = jsontext.AppendHeader(append(dst, `,"headers":`...), m.Header)
	}
	if len(m.HeaderRaw) > 0 {
		dst = jsontext.AppendBytes(append(dst, `,"headers_raw":`...), m.HeaderRaw)
	}
	return append(appendEventData(dst, m.Data), '}'), nil
}

// appendPadded appends a sequence with 20 digits, as many as the greatest sequence has.
func appendPadded(dst []byte, seq uint64) []byte {
	const zeros = "00000000000000000000"
	var space [len(zeros)]byte
	digits := strconv.AppendUint(space[:0], seq, 10)
	return append(append(dst, zeros[len(digits):]...), digits...)
}

// appendEventData appends the payload. JSON that only some readers accept is written as base64, because one such line
// would keep the others from reading the rest of the file.
func appendEventData(dst, data []byte) []byte {
	switch {
	case len(data) == 0:
		return dst
	case !jsontext.Portable(data):
		dst = append(dst, `,"datacontenttype":"application/octet-stream","data_base64":`...)
		return jsontext.AppendBytes(dst, data)
	}
	dst = append(dst, `,"datacontenttype":"application/json","data":`...)
	if bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0 {
		return append(dst, data...)
	}
	line := bytes.NewBuffer(dst)
	_ = json.Compact(line, data) // it is valid
	return line.Bytes()
}
