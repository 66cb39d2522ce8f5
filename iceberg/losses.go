package iceberg

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/rowread"
	"github.com/jetcapture/jetcapture/internal/tablefiles"
	"github.com/jetcapture/jetcapture/parquetwriter"
)

// lossesAtOnce bounds the rows of a snapshot: a batch with so many ends with the cut.
const lossesAtOnce = 100_000

// loss is a row of a table of losses: neighbouring sequences of one cut that are lost, or dead, for one reason.
type loss struct {
	capture, incarnation string
	cut                  uint64
	fate                 string // lost or dead
	first, last          uint64
	reason               string // of lost ones: that of the log
	message              string // of dead ones: the error of the dead letter
}

// lossColumns are the columns of a table of losses, in the order of appendLosses.
func lossColumns() (columns []ice.NestedField) {
	text, number := ice.PrimitiveTypes.String, ice.PrimitiveTypes.Int64
	for _, c := range []struct {
		name string
		of   ice.Type
	}{
		{"capture", text},
		{"incarnation", text},
		{"cut", number},
		{"fate", text},
		{"first", number},
		{"last", number},
		{"messages", number},
		{"reason", text},
		{"error", text},
	} {
		columns = append(columns, ice.NestedField{ID: parquetwriter.FieldID(c.name), Name: c.name, Type: c.of})
	}
	return columns
}

// beginLosses makes a table of losses, or completes what another process has begun to make; t is nil if there is none.
func (p *Projector) beginLosses(ctx context.Context, t *table.Table) (err error) {
	s := shape{columns: lossColumns()}
	if t == nil {
		if t, err = p.create(ctx, s); err != nil {
			return err
		}
	}
	_, err = p.reshape(ctx, t, []shape{s})
	return err
}

// addLosses adds the lost and the dead sequences of a cut to a batch.
func (p *Projector) addLosses(ctx context.Context, b *batch, cut tablefiles.Cut) error {
	b.shapes = []shape{{columns: lossColumns()}}
	lost := func(seqs cutlog.SeqSet, reason cutlog.LostReason) {
		for first, last := range seqs.Runs() {
			b.losses = append(b.losses, loss{
				capture: cut.Capture(), incarnation: cut.Plan.Incarnation, cut: cut.N, fate: "lost",
				first: first, last: last, reason: string(reason),
			})
		}
	}
	for _, l := range cut.Plan.Lost {
		lost(l.Seqs, l.Reason)
	}
	for block := range cut.Blocks() {
		lost(block.Lost, cutlog.LostGone)
	}
	for _, f := range cut.Dead {
		if err := p.addDead(ctx, b, cut, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// addDead adds the dead letters of a file to a batch. Neighbours with the same error are one row. The file is compared
// with its size and sum.
func (p *Projector) addDead(ctx context.Context, b *batch, cut tablefiles.Cut, f tablefiles.File) (err error) {
	object, err := p.Bucket.Open(ctx, f.Name, 0, -1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, object.Close()) }()
	sum := sha256.New()
	stored := io.TeeReader(object, sum)
	plain, err := gzip.NewReader(stored)
	if err != nil {
		return err
	}
	rows, err := rowread.New(rowread.DeadLetter, plain, rowread.BufferSize, &rowread.Scratch{}, 0)
	if err != nil {
		return err
	}
	var m rowread.Message
	for err = rows.Next(&m); err == nil; err = rows.Next(&m) {
		if !f.Lost.Contains(m.Seq) {
			b.addDeadLetter(cut, m.Seq, m.Error)
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := io.Copy(io.Discard, stored); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.Stored.SHA256 {
		return fmt.Errorf("its SHA-256 is %s, not %s as in the log: jetcapture verify says all that is wrong",
			got, f.Stored.SHA256)
	}
	return nil
}

func (b *batch) addDeadLetter(cut tablefiles.Cut, seq uint64, message string) {
	if n := len(b.losses); n > 0 {
		before := &b.losses[n-1]
		if before.cut == cut.N && before.fate == "dead" && before.last+1 == seq && before.message == message {
			before.last = seq
			return
		}
	}
	b.losses = append(b.losses, loss{
		capture: cut.Capture(), incarnation: cut.Plan.Incarnation, cut: cut.N, fate: "dead",
		first: seq, last: seq, message: message,
	})
}

// appendLosses adds rows to a transaction, in a file below the location of the table.
func appendLosses(
	ctx context.Context, txn *table.Transaction, losses []loss, summary ice.Properties,
) error {
	schema, err := table.SchemaToArrowSchema(ice.NewSchema(0, lossColumns()...), nil, true, false)
	if err != nil {
		return err
	}
	rows := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer rows.Release()
	for _, l := range losses {
		for i, value := range []any{
			l.capture, l.incarnation, l.cut, l.fate, l.first, l.last, l.last - l.first + 1, l.reason, l.message,
		} {
			appendValue(rows.Field(i), value)
		}
	}
	record := rows.NewRecordBatch()
	defer record.Release()
	reader, err := array.NewRecordReader(schema, []arrow.RecordBatch{record})
	if err != nil {
		return err
	}
	defer reader.Release()
	return txn.Append(ctx, reader, summary)
}

// appendValue appends a number or a text to a column. An empty text is null.
func appendValue(column array.Builder, value any) {
	switch value := value.(type) {
	case uint64:
		column.(*array.Int64Builder).Append(int64(min(value, math.MaxInt64)))
	case string:
		if value == "" {
			column.AppendNull()
			return
		}
		column.(*array.StringBuilder).Append(value)
	}
}
