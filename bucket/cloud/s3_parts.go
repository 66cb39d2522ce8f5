package cloud

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// s3Parts is a multipart upload.
type s3Parts struct {
	*s3Store
	key    string
	upload *string // id

	mu   sync.Mutex // guards done and size
	done []types.CompletedPart
	size int64
}

// begin implements driver.
func (s *s3Store) begin(ctx context.Context, key string, attrs attributes) (parts, error) {
	in := &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: &key,
		ContentType: optional(attrs.contentType), ContentEncoding: optional(attrs.contentEncoding),
		Metadata: encodeMetadata(attrs.metadata), StorageClass: types.StorageClass(s.opts.StorageClass),
		ServerSideEncryption: s.sse, SSEKMSKeyId: s.kmsKey, Tagging: s.tags,
	}
	if s.crc {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32c
	}
	out, err := s.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return nil, err
	}
	return &s3Parts{s3Store: s, key: key, upload: out.UploadId}, nil
}

// put implements parts.
func (p *s3Parts) put(ctx context.Context, n int, part []byte) error {
	number := aws.Int32(int32(n)) //nolint:gosec // at most 10,000
	in := &s3.UploadPartInput{
		Bucket: &p.bucket, Key: &p.key, UploadId: p.upload, PartNumber: number,
		Body: bytes.NewReader(part), ContentLength: aws.Int64(int64(len(part))),
	}
	if p.crc {
		in.ChecksumCRC32C = aws.String(crc32c(part))
	} else {
		in.ContentMD5 = md5Sum(part)
	}
	out, err := p.client.UploadPart(ctx, in)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = append(p.done, types.CompletedPart{PartNumber: number, ETag: out.ETag, ChecksumCRC32C: in.ChecksumCRC32C})
	p.size += int64(len(part))
	return nil
}

// complete implements parts.
func (p *s3Parts) complete(ctx context.Context) error {
	slices.SortFunc(p.done, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	out, err := p.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &p.bucket, Key: &p.key, UploadId: p.upload, IfNoneMatch: aws.String("*"),
		MpuObjectSize:   aws.Int64(p.size),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: p.done},
	})
	if err != nil {
		return err
	}
	if p.crc && out.ChecksumCRC32C != nil && out.ChecksumType != types.ChecksumTypeFullObject {
		if err := confirmSum("CRC32C", *out.ChecksumCRC32C, p.composite()); err != nil {
			return err
		}
	}
	return p.confirmSize(ctx, p.key, p.size)
}

// composite is the checksum of the parts' checksums (docs.aws.amazon.com, "Checking object integrity", composite
// checksums).
func (p *s3Parts) composite() string {
	var sums []byte
	for _, part := range p.done {
		sum, _ := base64.StdEncoding.DecodeString(*part.ChecksumCRC32C) // our own
		sums = append(sums, sum...)
	}
	return fmt.Sprintf("%s-%d", crc32c(sums), len(p.done))
}

// abort implements parts. A part that the server is still writing may stay behind, so it is asked again a little later:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html.
func (p *s3Parts) abort(ctx context.Context) error {
	err := p.abortOnce(ctx)
	for _, later := range []time.Duration{100 * time.Millisecond, 400 * time.Millisecond} {
		if err != nil {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(later):
			err = p.abortOnce(ctx)
		}
	}
	if err != nil && p.judge(err).verdict != undecided {
		return err
	}
	return nil // NoSuchUpload is what was wanted; of the others, the lifecycle rule takes care
}

func (p *s3Parts) abortOnce(ctx context.Context) error {
	_, err := p.client.AbortMultipartUpload(ctx,
		&s3.AbortMultipartUploadInput{Bucket: &p.bucket, Key: &p.key, UploadId: p.upload})
	return err
}
