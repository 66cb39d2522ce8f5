package jetcapture_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jetcapture/jetcapture"
	"github.com/nats-io/nats.go"
)

func ExampleNewCSVWriter() {
	type order struct{ ID, Items string }
	w := jetcapture.NewCSVWriter([]string{"id", "item"}, func(o order) (rows [][]string, err error) {
		for item := range strings.SplitSeq(o.Items, "+") {
			rows = append(rows, []string{o.ID, item})
		}
		return rows, nil
	})
	_ = w.InitNew(os.Stdout)
	rows, err := w.Write(order{"7", "pizza+cola"})
	fmt.Println(rows, "rows", err)
	// Output:
	// id,item
	// 7,pizza
	// 7,cola
	// 2 rows <nil>
}

func ExampleNewLineDelimitedJSON() {
	var w jetcapture.NewLineDelimitedJSON[map[string]int]
	_ = w.InitNew(os.Stdout)
	_, _ = w.Write(map[string]int{"id": 7})
	_, _ = w.Write(map[string]int{"id": 8})
	// Output:
	// {"id":7}
	// {"id":8}
}

func ExampleNatsToNats() {
	decode := jetcapture.NatsToNats(func(msg *nats.Msg) string { return msg.Header.Get("Region") })
	m, key, err := decode(delivered("orders.new", nats.Header{"Region": {"eu"}}, []byte("pizza")))
	fmt.Println(m.Subject, string(m.Data), m.Metadata.Stream, m.Metadata.Sequence.Stream, key, err)
	// Output: orders.new pizza ORDERS 42 eu <nil>
}

func ExampleLocalFSStore() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store := &jetcapture.LocalFSStore[string]{Resolver: func(region string) (string, error) {
		return filepath.Join(dir, jetcapture.EscapePath(region)), nil
	}}
	block := strings.NewReader("id\n7\n")
	path, err := store.Write(context.Background(), block, "../eu", "2026/11/24/05/45/", "orders.csv")
	fmt.Println(filepath.ToSlash(strings.TrimPrefix(path, dir)), err)
	// Output: /%2E.%2Feu/2026/11/24/05/45/orders.csv <nil>
}
