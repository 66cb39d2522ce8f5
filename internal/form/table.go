package form

import (
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/jetcapture/jetcapture/parquetwriter"
)

// table writes the columns of messages to a Parquet file.
type table struct {
	*parquetwriter.TableWriter
	form   Form
	hooks  Hooks
	types  []parquetwriter.Column
	values []parquetwriter.Value

	origins reader.OriginParser
	rescued column.Rescued
	// isRescued: a value of the current row did not fit its column.
	isRescued bool
}

// tableFactory returns what makes the writers of tables.
func (f Form) tableFactory(o parquetwriter.Options, hooks Hooks) (factory, error) {
	var types []parquetwriter.Column
	for _, c := range f.Columns {
		types = append(types, parquetColumn(c))
	}
	if f.Mismatch == Rescue {
		types = append(types, parquetwriter.Column{Name: column.RescuedName, Type: parquetwriter.String, NoStatistics: true})
	}
	first, err := parquetwriter.NewTableWriter(o, types)
	return func() jetcapture.FormattedDataWriter[Row] {
		return &table{
			TableWriter: first.New(), form: f, hooks: hooks,
			types: types, values: make([]parquetwriter.Value, len(types)),
		}
	}, err
}

// parquetColumn is a column as Parquet has it.
func parquetColumn(c column.Column) parquetwriter.Column {
	p := parquetwriter.Column{Name: c.Name, Type: map[column.Kind]parquetwriter.Type{
		column.String: parquetwriter.String, column.Bool: parquetwriter.Bool, column.Int64: parquetwriter.Int64,
		column.Float64: parquetwriter.Float64, column.Decimal: parquetwriter.Decimal,
		column.Timestamp: parquetwriter.Timestamp,
		column.Date:      parquetwriter.Date, column.JSON: parquetwriter.JSON, column.Bytes: parquetwriter.Bytes,
	}[c.Type.Kind]}
	if c.Type.Kind == column.Decimal {
		p.Precision, p.Scale = c.Type.Precision, c.Type.Scale
	}
	p.NoStatistics = c.Source.IsPayload()
	return p
}

// Write implements jetcapture.FormattedDataWriter.
func (t *table) Write(r Row) (int, error) {
	origin, err := t.origins.Parse(r.msg)
	if err != nil {
		return 0, err
	}
	m := source.Message{Subject: r.msg.Subject, Header: r.msg.Header, Data: r.msg.Data, Seq: origin.Seq, Time: origin.Time}
	if err := t.eval(&m); err != nil {
		return 0, err
	}
	t.From(origin.Stream, origin.Seq)
	n, err := t.TableWriter.Write(t.values)
	if err == nil && t.isRescued {
		t.hooks.rescued()
	}
	return n, err
}

// eval makes the values of a row.
func (t *table) eval(m *source.Message) error {
	t.rescued.Reset()
	t.isRescued = false
	for i, c := range t.form.Columns {
		cell, reason := c.Eval(m)
		if reason == "" {
			t.values[i], reason = parquetValue(t.types[i], cell)
		}
		if reason == "" {
			continue
		}
		if t.form.Mismatch != Rescue {
			return fmt.Errorf("column %s: %s", c, reason)
		}
		t.rescued.Add(c, m, reason)
		t.values[i] = parquetwriter.Value{}
	}
	if t.form.Mismatch == Rescue {
		last := &t.values[len(t.values)-1]
		*last = parquetwriter.Value{}
		if text := t.rescued.Text(); text != nil {
			t.isRescued = true
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
