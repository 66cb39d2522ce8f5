package cloud

import (
	"bytes"
	"context"
	"crypto/md5" // not for security: what S3 verifies where CRC32C was turned off
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/jetcapture/jetcapture/bucket"
	"gocloud.dev/blob/s3blob"
)

// s3Store is a bucket of S3, or of a store that has its API and honours If-None-Match on PutObject and
// CompleteMultipartUpload.
type s3Store struct {
	client *s3.Client
	bucket string
	opts   Options
	sse    types.ServerSideEncryption
	kmsKey *string
	tags   *string
	crc    bool // send CRC32C; otherwise MD5, for stores that do not know x-amz-checksum headers
}

func openS3(ctx context.Context, u *url.URL, opts Options) (driver, error) {
	opener := s3blob.URLOpener{}
	b, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	var opened *s3.Client
	if !b.As(&opened) {
		return nil, errors.New("gocloud.dev yields no S3 client")
	}
	client, err := guardS3(opened, u.Query(), opts)
	if err != nil {
		return nil, err
	}
	return &s3Store{
		client: client, bucket: u.Host, opts: opts, tags: s3Tags(opts.Tags),
		sse: opener.Options.EncryptionType, kmsKey: optional(opener.Options.KMSEncryptionID),
		crc: client.Options().RequestChecksumCalculation != aws.RequestChecksumCalculationWhenRequired,
	}, nil
}

// guardS3 returns the client with our timeouts, and with some region where none is needed.
func guardS3(client *s3.Client, query url.Values, opts Options) (*s3.Client, error) {
	o := client.Options()
	switch {
	case o.Region != "":
	case query.Get("endpoint") != "":
		o.Region = "us-east-1" // part of the signature; stores that are not AWS take this one
	default:
		return nil, errors.New("the region is unknown: give it as in ?region=eu-central-1, or by AWS_REGION")
	}
	if o.HTTPClient == nil {
		o.HTTPClient = awshttp.NewBuildableClient()
	}
	guard := &stallGuard{limit: opts.Timeout, do: o.HTTPClient.Do}
	o.HTTPClient = guard
	o.Logger = logging.Nop{} // the default prints to the standard error
	o.DisableLogOutputChecksumValidationSkipped = true
	return s3.New(o), nil
}

func s3Tags(tags map[string]string) *string {
	if len(tags) == 0 {
		return nil
	}
	values := make(url.Values, len(tags))
	for name, value := range tags {
		values.Set(name, value)
	}
	return aws.String(values.Encode())
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Close implements driver. Idle connections end by themselves.
func (s *s3Store) Close() error { return nil }

// limits implements driver (docs.aws.amazon.com, "Amazon S3 multipart upload limits").
func (s *s3Store) limits() limits { return limits{parts: 10_000} }

// put implements driver.
func (s *s3Store) put(ctx context.Context, key string, content []byte, attrs attributes) error {
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, IfNoneMatch: aws.String("*"),
		Body: bytes.NewReader(content), ContentLength: aws.Int64(int64(len(content))),
		ContentType: optional(attrs.contentType), ContentEncoding: optional(attrs.contentEncoding),
		Metadata: encodeMetadata(attrs.metadata), StorageClass: types.StorageClass(s.opts.StorageClass),
		ServerSideEncryption: s.sse, SSEKMSKeyId: s.kmsKey, Tagging: s.tags,
	}
	sum := crc32c(content)
	if s.crc {
		in.ChecksumCRC32C = &sum
	} else {
		in.ContentMD5 = md5Sum(content)
	}
	out, err := s.client.PutObject(ctx, in)
	if err != nil {
		return err
	}
	if out.ChecksumCRC32C == nil {
		return s.confirmSize(ctx, key, int64(len(content)))
	}
	return confirmSum("CRC32C", *out.ChecksumCRC32C, sum)
}

// confirmSize compares the size of the stored object with what was sent.
func (s *s3Store) confirmSize(ctx context.Context, key string, want int64) error {
	info, err := s.stat(ctx, key)
	if err != nil {
		return fmt.Errorf("confirm the size: %w", err)
	}
	return confirmSize(info.Size, want)
}

// stat implements driver.
func (s *s3Store) stat(ctx context.Context, key string) (bucket.Info, error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return bucket.Info{}, err
	}
	return bucket.Info{
		Name: key, Size: aws.ToInt64(out.ContentLength), ModTime: aws.ToTime(out.LastModified),
		ContentType: aws.ToString(out.ContentType), Metadata: decodeMetadata(out.Metadata),
	}, nil
}

// open implements driver. The SDK verifies the checksum of an object that is read whole, if the store has one.
func (s *s3Store) open(ctx context.Context, key string, offset, length int64, version string) (content, error) {
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &key, Range: httpRange(offset, length), IfMatch: optional(version)}
	if in.Range == nil {
		in.ChecksumMode = types.ChecksumModeEnabled
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		if s3Status(err) == http.StatusRequestedRangeNotSatisfiable {
			err = errPastEnd
		}
		return content{}, err
	}
	return content{out.Body, aws.ToString(out.ETag)}, nil
}

// httpRange returns the value of a Range header (RFC 9110, 14.1.2). It is nil for a whole object, since an empty one
// has no range.
func httpRange(offset, length int64) *string {
	switch {
	case offset == 0 && length < 0:
		return nil
	case length < 0 || length > 1<<62-offset:
		return aws.String(fmt.Sprintf("bytes=%d-", offset))
	}
	return aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
}

// list implements driver. S3 lists in byte order.
func (s *s3Store) list(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
			Bucket: &s.bucket, Prefix: &prefix, StartAfter: optional(after),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(bucket.Info{}, err)
				return
			}
			for _, o := range page.Contents {
				info := bucket.Info{
					Name: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), ModTime: aws.ToTime(o.LastModified),
				}
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

// judge implements driver.
func (s *s3Store) judge(err error) judgement {
	var api smithy.APIError
	a := answer{store: "S3", status: s3Status(err)}
	if errors.As(err, &api) {
		a.code, a.message = api.ErrorCode(), api.ErrorMessage()
	}
	if a.status == 0 && a.code == "" || isCredential(err) {
		return judgeSilence(err)
	}
	// to HEAD, or from something that is not S3
	if a.status == http.StatusBadRequest && (a.code == "" || a.code == "BadRequest") {
		text := a.String() + ", and does not say why: " +
			"check the endpoint, with http:// or https://, the region and the credentials"
		return judgement{permanent, text, err}
	}
	return judgeAnswer(a, s3Rules(), err)
}

// s3Status returns the HTTP status of an answer; 0 if there was none.
func s3Status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// s3Rules returns rules from docs.aws.amazon.com, "Error responses", and "How to prevent object overwrites with
// conditional writes".
func s3Rules() []rule {
	return []rule{
		{[]string{"ConditionalRequestConflict", "OperationAborted"}, undecided, "nothing is decided, try again"},
		{[]string{"NoSuchUpload"}, undecided, "the upload has ended, by us or by a lifecycle rule"},
		{[]string{
			"RequestTimeout", "BadDigest", "IncompleteBody", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch",
		}, undecided, "the request was damaged"},
		{[]string{"NoSuchBucket"}, permanent, "create the bucket, or correct its name"},
		{[]string{"InvalidBucketName"}, permanent, "correct the bucket's name"},
		{[]string{"KeyTooLongError"}, permanent, "shorten the path in the URL, or the keys"},
		{
			[]string{"AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden"},
			denied,
			"allow s3:PutObject, s3:GetObject, s3:AbortMultipartUpload and s3:ListBucket, " +
				"and the key of an encrypted bucket; see docs/STORES.md",
		},
		{
			[]string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"},
			denied,
			"correct the access key and its secret",
		},
		{[]string{"ExpiredToken", "RequestExpired", "TokenRefreshRequired"}, denied, "renew the credentials"},
		{[]string{"RequestTimeTooSkewed"}, denied, "set the clock of this machine"},
		{
			[]string{
				"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "TemporaryRedirect",
				"MovedPermanently",
			},
			permanent, "the bucket is in another region: correct region in the URL",
		},
		{
			[]string{"NotImplemented"},
			permanent,
			"the store lacks what jetcapture needs: puts with If-None-Match; see docs/STORES.md",
		},
		{[]string{"XAmzContentChecksumNotSupported"}, permanent, "add request_checksum_calculation=when_required to the URL"},
	}
}

// crc32c returns a CRC32C as S3 and GCS write it.
func crc32c(content []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil,
		crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli))))
}

func md5Sum(content []byte) *string {
	sum := md5.Sum(content)
	return aws.String(base64.StdEncoding.EncodeToString(sum[:]))
}
