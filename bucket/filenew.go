package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteFileNew writes one file outside of any bucket, as Dir does: create-only, whole or not at all, and durable when
// it returns nil. Missing directories are created (0750) and made durable. The temporary file (0640) is beside the
// target and has a name that begins with a dot; one that a killed process leaves is not removed. ContentType,
// ContentEncoding and Metadata of opts are not kept. Errors are those of [Bucket.PutNew]. The name is not restricted.
func WriteFileNew(ctx context.Context, name string, body io.Reader, opts PutOptions) error {
	if err := hideNotExist(writeFileNew(ctx, name, body, opts)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func writeFileNew(ctx context.Context, name string, body io.Reader, opts PutOptions) (err error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	dir, base := filepath.Split(abs)
	if err := makeRoot(filepath.Clean(dir)); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	t := tree{root: root, tmp: "."}
	return t.put(ctx, base, body, opts)
}
