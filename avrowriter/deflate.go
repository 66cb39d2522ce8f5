package avrowriter

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/twmb/avro/ocf"
)

// deflate is the codec "deflate" (RFC 1951, no zlib header). It reuses its compressors, which take more than half a
// megabyte each.
type deflate struct {
	ocf.Codec // for reading
	writers   *sync.Pool
}

func newDeflate(level int) deflate {
	return deflate{ocf.DeflateCodec(level), &sync.Pool{New: func() any {
		w, err := flate.NewWriter(io.Discard, level)
		if err != nil {
			return err
		}
		return w
	}}}
}

// Compress implements ocf.Codec.
func (d deflate) Compress(src []byte) ([]byte, error) {
	pooled := d.writers.Get()
	w, ok := pooled.(*flate.Writer)
	if !ok {
		return nil, pooled.(error)
	}
	defer d.writers.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	if _, err := w.Write(src); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
