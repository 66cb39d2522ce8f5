package parquetwriter

import (
	"fmt"
	"runtime"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/compress"
	pzstd "github.com/parquet-go/parquet-go/compress/zstd"
)

const (
	// zstdWindow is four pages. A larger one, 16 MiB by default, would only hold more memory.
	zstdWindow = 1 << 20
	// zstdJobs pages can be compressed at the same time, with a compressor of about three megabytes each.
	zstdJobs = 8
)

// zstdCodec compresses pages with compressors that live as long as the layout. Those of parquet-go are in a sync.Pool
// and are made again after each garbage collection, which costs more than the pages of a small file.
type zstdCodec struct {
	compress.Codec // for reading
	encoder        *zstd.Encoder
}

func newZstd(level int) (zstdCodec, error) {
	encoder, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(max(1, level))),
		zstd.WithEncoderConcurrency(min(runtime.GOMAXPROCS(0), zstdJobs)),
		zstd.WithWindowSize(zstdWindow),
		zstd.WithZeroFrames(true),
		zstd.WithEncoderCRC(false), // Parquet has its own
	)
	if err != nil {
		return zstdCodec{}, fmt.Errorf("parquet: %w", err)
	}
	return zstdCodec{&pzstd.Codec{}, encoder}, nil
}

// Encode implements compress.Codec. It may be called from any goroutine. One compressor compresses a page, so the bytes
// are always the same.
func (c zstdCodec) Encode(dst, src []byte) ([]byte, error) {
	return c.encoder.EncodeAll(src, dst[:0]), nil
}
