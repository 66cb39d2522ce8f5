package storetest_test

import (
	"context"
	"errors"
	"io"

	"github.com/jetcapture/jetcapture/bucket"
)

func readAll(ctx context.Context, b bucket.Bucket, name string) ([]byte, error) {
	r, err := b.Open(ctx, name, 0, -1)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}
