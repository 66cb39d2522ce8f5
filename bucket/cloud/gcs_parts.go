package cloud

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"sync/atomic"

	"cloud.google.com/go/storage"
)

// gcsUnit is the multiple that the SDK rounds up the size of a chunk to.
const gcsUnit = 256 << 10

// put implements driver. Its checksum is verified before the object is visible.
func (s *gcsStore) put(ctx context.Context, key string, content []byte, attrs attributes) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the writer if it is not closed
	w := s.writer(ctx, key, attrs)
	w.ChunkSize = min(len(content)/gcsUnit*gcsUnit+gcsUnit, int(s.opts.PartSize)+gcsUnit)
	w.CRC32C, w.SendCRC32C = crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli)), true
	if _, err := w.Write(content); err != nil {
		return err
	}
	return confirmGCS(w, int64(len(content)), w.CRC32C)
}

func (s *gcsStore) writer(ctx context.Context, key string, attrs attributes) *storage.Writer {
	tries := new(gcsTries)
	o := s.bucket.Object(key).If(storage.Conditions{DoesNotExist: true})
	w := o.Retryer(storage.WithPolicy(storage.RetryAlways), storage.WithErrorFunc(tries.again)).NewWriter(ctx)
	w.ProgressFunc = tries.moved
	w.ContentType, w.ContentEncoding, w.Metadata = attrs.contentType, attrs.contentEncoding, encodeMetadata(attrs.metadata)
	w.StorageClass, w.KMSKeyName = s.opts.StorageClass, s.kmsKey
	w.ChunkRetryDeadline = s.opts.Timeout
	return w
}

// gcsTries bounds how often one request of an upload is repeated. The SDK (v1.70.0) ignores WithMaxAttempts here and
// repeats it for ever, and no caller would notice an outage.
type gcsTries struct{ failed atomic.Int32 }

// again reports whether a request is repeated after an error.
func (t *gcsTries) again(err error) bool {
	return storage.ShouldRetry(err) && t.failed.Add(1) < gcsAttempts
}
func (t *gcsTries) moved(int64) { t.failed.Store(0) }

// confirmGCS closes a writer, which makes the object visible, and confirms what is stored.
func confirmGCS(w *storage.Writer, size int64, sum uint32) error {
	if err := w.Close(); err != nil {
		return err
	}
	stored := w.Attrs()
	if err := confirmSize(stored.Size, size); err != nil {
		return err
	}
	return confirmSum("CRC32C", gcsSum(stored.CRC32C), gcsSum(sum))
}

func gcsSum(sum uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// gcsParts is a resumable upload.
type gcsParts struct {
	w      *storage.Writer
	cancel context.CancelFunc
	size   int64
	sum    hash.Hash32
}

// begin implements driver. The SDK sends the checksum of the whole object with the last chunk. The upload ends with ctx
// or by abort.
func (s *gcsStore) begin(ctx context.Context, key string, attrs attributes) (parts, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := s.writer(ctx, key, attrs)
	w.ChunkSize = int(attrs.partSize)
	return &gcsParts{w: w, cancel: cancel, sum: crc32.New(crc32.MakeTable(crc32.Castagnoli))}, nil
}

// put implements parts.
func (p *gcsParts) put(_ context.Context, _ int, part []byte) error {
	p.sum.Write(part)
	n, err := p.w.Write(part)
	p.size += int64(n)
	return err
}

// complete implements parts.
func (p *gcsParts) complete(context.Context) error {
	err := confirmGCS(p.w, p.size, p.sum.Sum32())
	if err == nil {
		p.cancel()
	}
	return err
}

// abort implements parts. GCS forgets an unfinished upload after a week; nothing is stored of it.
func (p *gcsParts) abort(context.Context) error {
	p.cancel()
	_ = p.w.Close() // joins the SDK's goroutine; the caller knows that the upload has failed
	return nil
}
