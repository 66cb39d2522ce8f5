package columnar

import (
	"errors"
	"io"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/twmb/avro/ocf"
)

// maxBlock is the largest block that is read, in bytes. A message of 64 MiB is one.
const maxBlock = 256 << 20

// avroMessage is a record of avrowriter.MessageSchema, with or without time_ns.
type avroMessage struct {
	Stream     string              `avro:"stream"`
	Seq        int64               `avro:"sequence"`
	Time       time.Time           `avro:"time"`
	Subject    string              `avro:"subject"`
	Headers    map[string][]string `avro:"headers"`
	Payload    []byte              `avro:"payload"`
	SubjectRaw *[]byte             `avro:"subject_raw"`
	HeadersRaw *[]byte             `avro:"headers_raw"`
	TimeNS     *int64              `avro:"time_ns"`
}

// row is the record as a message.
func (a *avroMessage) row() archive.Row {
	r := archive.Row{Message: archive.Message{
		Seq: uint64(a.Seq), Time: a.Time.UTC(), Subject: a.Subject, Header: a.Headers, Data: a.Payload,
	}}
	if a.SubjectRaw != nil {
		r.Subject = string(*a.SubjectRaw)
	}
	if a.HeadersRaw != nil {
		r.HeaderRaw = *a.HeadersRaw
	}
	if r.Rounded = a.TimeNS == nil; !r.Rounded {
		r.Time = time.Unix(0, *a.TimeNS).UTC()
	}
	return r
}

func readAvro(file io.ReaderAt, size int64, yield yield) (err error) {
	in, err := ocf.NewReader(io.NewSectionReader(file, 0, size),
		ocf.WithMaxBlockBytes(maxBlock), ocf.WithMaxDecompressedBlockBytes(maxBlock))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for {
		var m avroMessage
		err := in.Decode(&m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if r := m.row(); !yield(&r) {
			return nil
		}
	}
}
