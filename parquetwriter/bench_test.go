package parquetwriter_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/parquetwriter"
)

// benchMessages are orders as JSON of about 200 bytes, with a header.
func benchMessages(n int) []*parquetwriter.Message {
	messages := make([]*parquetwriter.Message, n)
	for i := range messages {
		messages[i] = &parquetwriter.Message{
			Stream:  "ORDERS",
			Seq:     uint64(i + 1),
			Time:    time.Unix(1_790_000_000, int64(i)*1_234_567),
			Subject: fmt.Sprintf("orders.eu.%d", i%50),
			Header:  map[string][]string{"Nats-Msg-Id": {fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15)}},
			Payload: fmt.Appendf(nil, `{"id":%d,"customer":"c%06d","amount":%d.%02d,"currency":"EUR","items":[{"sku":"A-%d","qty":%d},{"sku":"B-%d",`+
				`"qty":1}],"note":"leave at the door","paid":%t}`, i, i*7919%1_000_000, i%500, i%100, i%97, i%5, i%89, i%3 == 0),
		}
	}
	return messages
}

func BenchmarkMessages(b *testing.B) {
	messages := benchMessages(10_000)
	for _, codec := range []string{"zstd", "snappy", "gzip", "none"} {
		for _, json := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/json=%t", codec, json), func(b *testing.B) {
				w, err := parquetwriter.NewMessageWriter(parquetwriter.Options{Compression: codec}, json)
				if err != nil {
					b.Fatal(err)
				}
				benchmark(b, w.New(), messages)
			})
		}
	}
}

type rowWriter[P any] interface {
	InitNew(out io.Writer) error
	Write(row P) (int, error)
	Flush() error
}

// benchmark writes files of all rows; an operation is a row.
func benchmark[P any](b *testing.B, w rowWriter[P], rows []P) {
	b.ReportAllocs()
	for done := 0; b.Loop(); done++ {
		if done%len(rows) == 0 {
			if done > 0 {
				if err := w.Flush(); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.InitNew(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.Write(rows[done%len(rows)]); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}
