package jetcapture

import (
	"errors"
	"strconv"

	"github.com/jetcapture/jetcapture/internal/jsontext"
	"github.com/nats-io/nats.go"
)

// AppendJSON implements JSONAppender. It appends exactly the bytes of json.Marshal, without reflection. It fails only
// if RFC 3339 cannot express the time.
func (m *NatsMessage) AppendJSON(dst []byte) ([]byte, error) {
	if m == nil {
		return append(dst, "null"...), nil
	}
	dst = append(dst, `{"subject":`...)
	dst = jsontext.AppendString(dst, m.Subject)
	if len(m.SubjectRaw) > 0 {
		dst = append(dst, `,"subject_raw":`...)
		dst = jsontext.AppendBytes(dst, m.SubjectRaw)
	}
	dst = append(dst, `,"reply":`...)
	dst = jsontext.AppendString(dst, m.Reply)
	dst = append(dst, `,"header":`...)
	dst = jsontext.AppendHeader(dst, m.Header)
	if len(m.HeaderRaw) > 0 {
		dst = append(dst, `,"header_raw":`...)
		dst = jsontext.AppendBytes(dst, m.HeaderRaw)
	}
	dst = append(dst, `,"data":`...)
	dst = jsontext.AppendBytes(dst, m.Data)
	dst = append(dst, `,"metadata":`...)
	dst, err := appendJSONMetadata(dst, m.Metadata)
	return append(dst, '}'), err
}

func appendJSONMetadata(dst []byte, m *nats.MsgMetadata) ([]byte, error) {
	if m == nil {
		return append(dst, "null"...), nil
	}
	dst = append(dst, `{"Sequence":{"consumer_seq":`...)
	dst = strconv.AppendUint(dst, m.Sequence.Consumer, 10)
	dst = append(dst, `,"stream_seq":`...)
	dst = strconv.AppendUint(dst, m.Sequence.Stream, 10)
	dst = append(dst, `},"NumDelivered":`...)
	dst = strconv.AppendUint(dst, m.NumDelivered, 10)
	dst = append(dst, `,"NumPending":`...)
	dst = strconv.AppendUint(dst, m.NumPending, 10)
	dst = append(dst, `,"Timestamp":"`...)
	dst, err := m.Timestamp.AppendText(dst)
	if err != nil {
		return dst, errors.New("the message's time cannot be written as RFC 3339")
	}
	dst = append(dst, `","Stream":`...)
	dst = jsontext.AppendString(dst, m.Stream)
	dst = append(dst, `,"Consumer":`...)
	dst = jsontext.AppendString(dst, m.Consumer)
	dst = append(dst, `,"Domain":`...)
	dst = jsontext.AppendString(dst, m.Domain)
	return append(dst, '}'), nil
}
