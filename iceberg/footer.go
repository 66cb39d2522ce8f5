package iceberg

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/tablefiles"
)

const (
	footerTail  = 8        // the length of the footer, and PAR1
	footerGuess = 16 << 10 // most footers are shorter: one request
	footerLimit = 64 << 20 // nobody's footer
)

// readFooter reads the footer of a Parquet file, and nothing else of it.
func readFooter(ctx context.Context, b bucket.Bucket, f tablefiles.File) (*metadata.FileMetaData, error) {
	tail, err := readTail(ctx, b, f, footerGuess)
	if err != nil {
		return nil, err
	}
	if len(tail) < footerTail || string(tail[len(tail)-4:]) != "PAR1" {
		return nil, footerError(f, fmt.Errorf("it is no Parquet file: a table has those of --format parquet only, and "+
			"jetcapture convert makes an archive of them"))
	}
	size := int64(binary.LittleEndian.Uint32(tail[len(tail)-footerTail:])) + footerTail
	if size > footerLimit || size > f.Stored.Size {
		return nil, footerError(f, fmt.Errorf("its footer has %d bytes, more than can be", size))
	}
	if size > int64(len(tail)) {
		if tail, err = readTail(ctx, b, f, size); err != nil {
			return nil, err
		}
	}
	m, err := metadata.NewFileMetaData(tail[int64(len(tail))-size:len(tail)-footerTail], nil)
	if err != nil {
		return nil, footerError(f, err)
	}
	return m, nil
}

// readTail reads the last bytes of a file.
func readTail(ctx context.Context, b bucket.Bucket, f tablefiles.File, size int64) ([]byte, error) {
	size = min(size, f.Stored.Size)
	r, err := b.Open(ctx, f.Name, f.Stored.Size-size, size)
	if err != nil {
		return nil, footerError(f, err)
	}
	tail, err := io.ReadAll(r)
	if closed := r.Close(); err == nil {
		err = closed
	}
	if err == nil && int64(len(tail)) < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, footerError(f, err)
	}
	return tail, nil
}

func footerError(f tablefiles.File, err error) error {
	return fmt.Errorf("read the footer of %s, cut %d: %w", f.Name, f.Cut, err)
}
