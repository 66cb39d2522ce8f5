package form

import (
	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/avrowriter"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/parquetwriter"
	"github.com/nats-io/nats.go"
)

// codecName is the compression inside, as the format calls it.
func (f Form) codecName() string {
	if f.Format == Avro && f.Codec == jetcapture.GZip {
		return "deflate"
	}
	return string(f.Codec)
}

// packedWriter is what the writers of packed formats are.
type packedWriter[M any] interface {
	jetcapture.FormattedDataWriter[*M]
	jetcapture.EagerWriter
}

// packing makes rows of their messages when they are written: until then a capture keeps the messages of a packed
// format, not its rows. Like every writer it is used by one goroutine at a time.
type packing[M any] struct {
	packedWriter[M]
	make    func(reader.Origin, *nats.Msg) M
	origins reader.OriginParser
	message M
}

// packed makes the writers of a packed format.
func packed[M any](writer func() packedWriter[M], message func(reader.Origin, *nats.Msg) M) factory {
	return func() jetcapture.FormattedDataWriter[Row] {
		return &packing[M]{packedWriter: writer(), make: message}
	}
}

// Write implements jetcapture.FormattedDataWriter.
func (w *packing[M]) Write(r Row) (int, error) {
	origin, err := w.origins.Parse(r.msg)
	if err != nil {
		return 0, err
	}
	w.message = w.make(origin, r.msg)
	return w.packedWriter.Write(&w.message)
}

// packedFactory returns what makes the writers of a packed format. Its error is about the options: see ofOption.
func (f Form) packedFactory(hooks Hooks) (factory, error) {
	parquet := parquetwriter.Options{
		Compression: f.codecName(), Level: f.Level, OmitTimeNS: f.Micros, OmitFieldIDs: f.NoFieldIDs,
	}
	avro := avrowriter.Options{Compression: f.codecName(), Level: f.Level, OmitTimeNS: f.Micros}
	switch {
	case f.Format == Parquet && len(f.Columns) > 0:
		return f.tableFactory(parquet, hooks)
	case f.Format == Parquet:
		first, err := parquetwriter.NewMessageWriter(parquet, f.Payload == PayloadJSON)
		return packed(func() packedWriter[parquetwriter.Message] { return first.New() }, parquetMessage), err
	case f.Record == RecordEventHubs:
		first, err := avrowriter.NewEventHubsWriter(avro)
		return packed(func() packedWriter[avrowriter.Message] { return first.New() }, avroMessage), err
	}
	first, err := avrowriter.NewMessageWriter(avro)
	return packed(func() packedWriter[avrowriter.Message] { return first.New() }, avroMessage), err
}

// parquetMessage shares header and payload with msg.
func parquetMessage(o reader.Origin, msg *nats.Msg) parquetwriter.Message {
	header, block := reader.HeaderOf(msg)
	return parquetwriter.Message{
		Stream: o.Stream, Seq: o.Seq, Time: o.Time,
		Subject: msg.Subject, Header: header, HeaderRaw: block, Payload: msg.Data,
	}
}

func avroMessage(o reader.Origin, msg *nats.Msg) avrowriter.Message {
	return avrowriter.Message(parquetMessage(o, msg))
}
