package codec

import (
	"fmt"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// zstdWindow bounds what one encoder holds. Frames of the spool have a little more than 256 KiB; longer ones find their
// matches within this distance.
const zstdWindow = 512 << 10

// snappyBlock is the largest block of the framing format:
// https://github.com/google/snappy/blob/main/framing_format.txt, section 4.2.
const snappyBlock = 64 << 10

// snappyMagic is the stream identifier chunk, section 4.1 there. Alone it is the frame of an empty file.
const snappyMagic = "\xff\x06\x00\x00sNaPpY"

type plainEncoder struct{}

func newPlainEncoder(int) (encoder, error) { return plainEncoder{}, nil }

func (plainEncoder) appendFrame(dst, frame []byte) []byte { return append(dst, frame...) }

// sink appends what a stream compressor writes to it.
type sink struct{ buf []byte }

func (s *sink) Write(p []byte) (int, error) {
	s.buf = append(s.buf, p...)
	return len(p), nil
}

// must panics if a stream compressor failed, which cannot happen because its sink never fails.
func must(format string, err error) {
	if err != nil {
		panic(fmt.Sprintf("codec: compress %s into memory: %v", format, err))
	}
}

type gzipEncoder struct {
	out sink
	w   *gzip.Writer
}

func newGzipEncoder(level int) (encoder, error) {
	e := &gzipEncoder{}
	w, err := gzip.NewWriterLevel(&e.out, level)
	e.w = w
	return e, err
}

// appendFrame leaves name and time in the header empty, because they would differ from run to run.
func (e *gzipEncoder) appendFrame(dst, frame []byte) []byte {
	e.out.buf = dst
	e.w.Reset(&e.out)
	_, err := e.w.Write(frame)
	must(Gzip, err)
	must(Gzip, e.w.Close())
	dst, e.out.buf = e.out.buf, nil
	return dst
}

type snappyEncoder struct {
	out sink
	w   *s2.Writer
}

func newSnappyEncoder(int) (encoder, error) {
	w := s2.NewWriter(nil, s2.WriterSnappyCompat(), s2.WriterBlockSize(snappyBlock), s2.WriterConcurrency(1))
	return &snappyEncoder{w: w}, nil
}

func (e *snappyEncoder) appendFrame(dst, frame []byte) []byte {
	if len(frame) == 0 { // the writer writes nothing then
		return append(dst, snappyMagic...)
	}
	e.out.buf = dst
	e.w.Reset(&e.out)
	_, err := e.w.Write(frame)
	must(Snappy, err)
	must(Snappy, e.w.Close())
	dst, e.out.buf = e.out.buf, nil
	return dst
}

type zstdEncoder struct{ *zstd.Encoder }

func newZstdEncoder(level int) (encoder, error) {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdWindow),
		zstd.WithLowerEncoderMem(true),
		zstd.WithZeroFrames(true),
		zstd.WithEncoderCRC(true))
	return zstdEncoder{e}, err
}

func (e zstdEncoder) appendFrame(dst, frame []byte) []byte { return e.EncodeAll(frame, dst) }
