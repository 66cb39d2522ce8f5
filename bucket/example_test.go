package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
)

func ExampleMem() {
	ctx := context.Background()
	var b bucket.Mem
	for _, content := range []string{"first", "second"} {
		err := b.PutNew(ctx, "orders/1", strings.NewReader(content), bucket.PutOptions{Size: int64(len(content))})
		fmt.Println(content, err, errors.Is(err, bucket.ErrExists))
	}
	r, err := b.Open(ctx, "orders/1", 0, -1)
	if err != nil {
		log.Fatal(err)
	}
	content, err := io.ReadAll(r)
	fmt.Println(string(content), errors.Join(err, r.Close()))
	// Output:
	// first <nil> false
	// second put "orders/1" in memory: object exists already true
	// first <nil>
}

func ExampleDir() {
	ctx := context.Background()
	root, err := os.MkdirTemp("", "archive-")
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = os.RemoveAll(root) }()
	b, err := bucket.OpenDir(root)
	if err != nil {
		log.Panic(err)
	}
	for _, name := range []string{"rome/2", "rome/10", "oslo/1", "rome-north/1"} {
		err := b.PutNew(ctx, name, strings.NewReader("pizza"), bucket.PutOptions{Size: 5})
		if err != nil {
			log.Panic(err)
		}
	}
	for info, err := range b.List(ctx, "rome", "") {
		fmt.Println(info.Name, info.Size, err)
	}
	fmt.Println(b.Close())
	// Output:
	// rome-north/1 5 <nil>
	// rome/10 5 <nil>
	// rome/2 5 <nil>
	// <nil>
}
