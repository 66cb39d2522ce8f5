package source_test

import (
	"testing"

	"github.com/jetcapture/jetcapture/internal/source"
)

// order is a payload as the benchmarks of the whole program publish it, of about 190 bytes.
const order = `{"id":1000001,"store":"store-2","customer":{"name":"Ada Lovelace","city":"London"},` +
	`"items":[{"sku":"margherita","qty":1},{"sku":"tiramisu","qty":2}],` +
	`"total":31.5,"paid":true,"at":"2026-11-23T15:04:05Z"}`

func BenchmarkEval(b *testing.B) {
	for _, expr := range []string{
		"subject[2]", "header:Region", "json:store", "json:customer.city", "json:items.1.qty", `json:a\.b`,
		"json:items.#.sku",
	} {
		s := mustParse(b, expr)
		b.Run(expr, func(b *testing.B) {
			b.ReportAllocs()
			m := message(order)
			for b.Loop() {
				*m = source.Message{Subject: m.Subject, Header: m.Header, Data: m.Data}
				s.Eval(m)
			}
		})
	}
}

// BenchmarkColumns evaluates eight JSON columns of one message, which share one check of the JSON.
func BenchmarkColumns(b *testing.B) {
	var sources []source.Source
	for _, path := range []string{"id", "store", "customer.name", "customer.city", "items.0.sku", "total", "paid", "at"} {
		sources = append(sources, mustParse(b, "json:"+path))
	}
	b.ReportAllocs()
	m := message(order)
	for b.Loop() {
		*m = source.Message{Data: m.Data}
		for _, s := range sources {
			s.Eval(m)
		}
	}
}
