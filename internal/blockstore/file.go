package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/measure"
)

// WriteFile makes sure that the file at path holds the block and is durable. Missing directories are made.
func WriteFile(ctx context.Context, path string, block io.Reader) error {
	body := measure.NewReader(block)
	err := bucket.WriteFileNew(ctx, path, body, bucket.PutOptions{Size: -1})
	if errors.Is(err, bucket.ErrExists) {
		return checkFile(path, body)
	}
	return err
}

// checkFile returns an error unless the file at path holds the block, of which body may have been read in part.
func checkFile(path string, body *measure.Reader) error {
	if err := body.Drain(); err != nil {
		return fmt.Errorf("read the block for %s: %w", path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read back the existing %s: %w", path, err)
	}
	there := measure.NewReader(f)
	if err := errors.Join(there.Drain(), f.Close()); err != nil {
		return fmt.Errorf("read back the existing %s: %w", path, err)
	}
	return checkSame(path, there, body)
}
