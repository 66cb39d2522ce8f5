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
			Payload: fmt.Appendf(nil,
				`{"id":%d,"customer":"c%06d","amount":%d.%02d,"currency":"EUR","items":[{"sku":"A-%d","qty":%d},{"sku":"B-%d",`+
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

// BenchmarkSmallFiles writes a file of 20 messages for each of many keys, as a cut does; an operation is a file.
func BenchmarkSmallFiles(b *testing.B) {
	messages := benchMessages(20)
	for _, shared := range []bool{true, false} {
		b.Run(fmt.Sprintf("shared=%t", shared), func(b *testing.B) {
			first, err := parquetwriter.NewMessageWriter(parquetwriter.Options{}, true)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				w := first.New()
				if !shared {
					if w, err = parquetwriter.NewMessageWriter(parquetwriter.Options{}, true); err != nil {
						b.Fatal(err)
					}
				}
				write(b, w, messages...)
			}
		})
	}
}

func BenchmarkTable(b *testing.B) {
	w, err := parquetwriter.NewTableWriter(parquetwriter.Options{}, tableColumns)
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, w, tableRows()[:3])
}

func BenchmarkStructs(b *testing.B) {
	w, err := parquetwriter.NewParquetWriter[trade](parquetwriter.Options{})
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, w, trades(10_000))
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
		if done%max(len(rows), 10_000) == 0 {
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
