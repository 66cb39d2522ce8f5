package jetcapture_test

import (
	"context"
	"io"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
)

// hangingBucket takes the records of the log and no file.
type hangingBucket struct{ bucket.Bucket }

// PutNew implements bucket.Bucket.
func (b hangingBucket) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	if strings.HasPrefix(name, "_jetcapture/") {
		return b.Bucket.PutNew(ctx, name, body, opts)
	}
	<-ctx.Done()
	return ctx.Err()
}
