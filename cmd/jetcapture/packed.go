package main

import (
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/avrowriter"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/jetcapture/jetcapture/parquetwriter"
	"github.com/nats-io/nats.go"
)

// packed reports whether files of the format are compressed inside: no codec compresses them once more. Their rows are made when the block is
// sealed, since its writers keep all rows until then.
func (f format) packed() bool { return f == formatParquet || f == formatAvro }

// codecName is the compression inside, as the format calls it.
func (f form) codecName() string {
	if f.format == formatAvro && f.codec == jetcapture.GZip {
		return "deflate"
	}
	return string(f.codec)
}

// packedWriter is what the writers of packed formats are.
type packedWriter[M any] interface {
	jetcapture.FormattedDataWriter[*M]
	jetcapture.EagerWriter
}

// packing writes rows that are made of their messages when they are written.
type packing[M any] struct {
	packedWriter[M]
	make    func(reader.Origin, *nats.Msg) M
	origins reader.OriginParser
	message M
}

// packed makes the writers of a packed format.
func packed[M any](writer func() packedWriter[M], message func(reader.Origin, *nats.Msg) M) func() jetcapture.FormattedDataWriter[row] {
	return func() jetcapture.FormattedDataWriter[row] {
		return &packing[M]{packedWriter: writer(), make: message}
	}
}

// Write implements jetcapture.FormattedDataWriter.
func (w *packing[M]) Write(r row) (int, error) {
	origin, err := w.origins.Parse(r.msg)
	if err != nil {
		return 0, err
	}
	w.message = w.make(origin, r.msg)
	return w.packedWriter.Write(&w.message)
}

// packedFactory returns what makes the writers of a packed format, or what is wrong with its options.
func (f form) packedFactory() (func() jetcapture.FormattedDataWriter[row], error) {
	parquet := parquetwriter.Options{Compression: f.codecName(), Level: f.level}
	avro := avrowriter.Options{Compression: f.codecName(), Level: f.level}
	switch {
	case f.format == formatParquet && len(f.columns) > 0:
		return f.tableFactory(parquet)
	case f.format == formatParquet:
		first, err := parquetwriter.NewMessageWriter(parquet, f.payload == payloadJSON)
		return packed(func() packedWriter[parquetwriter.Message] { return first.New() }, parquetMessage), err
	case f.record == recordEventHubs:
		first, err := avrowriter.NewEventHubsWriter(avro)
		return packed(func() packedWriter[avrowriter.Message] { return first.New() }, avroMessage), err
	}
	first, err := avrowriter.NewMessageWriter(avro)
	return packed(func() packedWriter[avrowriter.Message] { return first.New() }, avroMessage), err
}

func parquetMessage(o reader.Origin, msg *nats.Msg) parquetwriter.Message {
	return parquetwriter.Message{Stream: o.Stream, Seq: o.Seq, Time: o.Time, Subject: msg.Subject, Header: msg.Header, Payload: msg.Data}
}

func avroMessage(o reader.Origin, msg *nats.Msg) avrowriter.Message {
	return avrowriter.Message{Stream: o.Stream, Seq: o.Seq, Time: o.Time, Subject: msg.Subject, Header: msg.Header, Payload: msg.Data}
}

// table writes the columns of messages to a Parquet file.
type table struct {
	*parquetwriter.TableWriter
	form   form
	types  []parquetwriter.Column
	values []parquetwriter.Value

	origins reader.OriginParser
	rescued column.Rescued
}

// tableFactory returns what makes the writers of tables.
func (f form) tableFactory(o parquetwriter.Options) (func() jetcapture.FormattedDataWriter[row], error) {
	var types []parquetwriter.Column
	for _, c := range f.columns {
		types = append(types, parquetColumn(c))
	}
	if f.mismatch == mismatchRescue {
		types = append(types, parquetwriter.Column{Name: column.RescuedName, Type: parquetwriter.String, NoStatistics: true})
	}
	first, err := parquetwriter.NewTableWriter(o, types)
	return func() jetcapture.FormattedDataWriter[row] {
		return &table{TableWriter: first.New(), form: f, types: types, values: make([]parquetwriter.Value, len(types))}
	}, err
}

// parquetColumn is a column as Parquet has it.
func parquetColumn(c column.Column) parquetwriter.Column {
	p := parquetwriter.Column{Name: c.Name, Type: map[column.Kind]parquetwriter.Type{
		column.String: parquetwriter.String, column.Bool: parquetwriter.Bool, column.Int64: parquetwriter.Int64,
		column.Float64: parquetwriter.Float64, column.Decimal: parquetwriter.Decimal, column.Timestamp: parquetwriter.Timestamp,
		column.Date: parquetwriter.Date, column.JSON: parquetwriter.JSON, column.Bytes: parquetwriter.Bytes,
	}[c.Type.Kind]}
	if c.Type.Kind == column.Decimal {
		p.Precision, p.Scale = c.Type.Precision, c.Type.Scale
	}
	p.NoStatistics = c.Source.IsPayload()
	return p
}

// Write implements jetcapture.FormattedDataWriter.
func (t *table) Write(r row) (int, error) {
	origin, err := t.origins.Parse(r.msg)
	if err != nil {
		return 0, err
	}
	m := source.Message{Subject: r.msg.Subject, Header: r.msg.Header, Data: r.msg.Data, Seq: origin.Seq, Time: origin.Time}
	if err := t.eval(&m); err != nil {
		return 0, err
	}
	t.From(origin.Stream, origin.Seq)
	return t.TableWriter.Write(t.values)
}

// eval makes the values of a row.
func (t *table) eval(m *source.Message) error {
	t.rescued.Reset()
	for i, c := range t.form.columns {
		cell, reason := c.Eval(m)
		if reason == "" {
			t.values[i], reason = parquetValue(t.types[i], cell)
		}
		if reason == "" {
			continue
		}
		if t.form.mismatch != mismatchRescue {
			return fmt.Errorf("column %s: %s", c, reason)
		}
		t.rescued.Add(c, m, reason)
		t.values[i] = parquetwriter.Value{}
	}
	if t.form.mismatch == mismatchRescue {
		last := &t.values[len(t.values)-1]
		*last = parquetwriter.Value{}
		if text := t.rescued.Text(); text != nil {
			t.form.count()
			*last = parquetwriter.StringValue(string(text))
		}
	}
	return nil
}

// parquetValue is a value as Parquet has it, or why it cannot have it.
func parquetValue(c parquetwriter.Column, cell column.Cell) (v parquetwriter.Value, reason string) {
	var err error
	switch cell.Kind {
	case column.Null:
		return v, ""
	case column.String:
		v = parquetwriter.StringValue(cell.Text)
	case column.Bool:
		v = parquetwriter.BoolValue(cell.Bool)
	case column.Int64:
		v = parquetwriter.Int64Value(cell.Int)
	case column.Float64:
		v = parquetwriter.Float64Value(cell.Float)
	case column.Decimal:
		v, err = c.DecimalValue(cell.Text)
	case column.Timestamp:
		v, err = parquetwriter.TimestampValue(cell.Time)
	case column.Date:
		v, err = parquetwriter.DateValue(cell.Time)
	case column.JSON:
		v = parquetwriter.JSONValue([]byte(cell.Text))
	case column.Bytes:
		v = parquetwriter.BytesValue([]byte(cell.Text))
	}
	if err == nil {
		err = c.Check(v)
	}
	if err == nil {
		return v, ""
	}
	var misfit *parquetwriter.ColumnError
	if errors.As(err, &misfit) {
		return parquetwriter.Value{}, misfit.Reason
	}
	return parquetwriter.Value{}, err.Error()
}
