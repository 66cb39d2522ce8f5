package cloud

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"cloud.google.com/go/storage"
	"github.com/jetcapture/jetcapture/bucket"
	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
)

const (
	// gcsAttempts is how often the SDK tries a request; by default it never gives up.
	gcsAttempts = 4
	// gcsUnit is what the size of a chunk is rounded up to by the SDK.
	gcsUnit = 256 << 10
	// gcsPage is how many objects a listing asks for at a time, the most that GCS gives.
	gcsPage = 1000
)

// gcsStore is a bucket of Google Cloud Storage.
type gcsStore struct {
	opened *blob.Bucket // owns the client
	client *storage.Client
	bucket *storage.BucketHandle
	opts   Options
	kmsKey string
}

func openGCS(ctx context.Context, u *url.URL, opts Options) (driver, error) {
	if len(opts.Tags) > 0 {
		return nil, errors.New("objects of Google Cloud Storage have no tags")
	}
	query := u.Query()
	s := &gcsStore{opts: opts, kmsKey: query.Get("kms_key_name")}
	query.Del("kms_key_name")
	u.RawQuery = query.Encode()
	opener, err := newGCSOpener(ctx, query, opts)
	if err != nil {
		return nil, err
	}
	if s.opened, err = opener.OpenBucketURL(ctx, u); err != nil {
		return nil, err
	}
	if !s.opened.As(&s.client) {
		return nil, errors.Join(errors.New("gocloud.dev yields no client of Google Cloud Storage"), s.opened.Close())
	}
	s.bucket = s.client.Bucket(u.Host).Retryer(storage.WithMaxAttempts(gcsAttempts))
	return s, nil
}

// newGCSOpener finds credentials. (gocloud.dev's own search prints to the standard output and goes on without any.)
func newGCSOpener(ctx context.Context, query url.Values, opts Options) (*gcsblob.URLOpener, error) {
	guard := &stallGuard{limit: opts.Timeout, do: http.DefaultTransport.RoundTrip}
	anonymous, _ := strconv.ParseBool(query.Get("anonymous")) // the opener complains
	if anonymous || os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		query.Del("anonymous") // with it, the opener would take a client of its own
		return &gcsblob.URLOpener{Client: gcp.NewAnonymousHTTPClient(guard)}, nil
	}
	domain := query.Get("universe_domain")
	credentials, err := gcp.DefaultCredentialsWithParams(ctx, google.CredentialsParams{UniverseDomain: domain})
	if err != nil {
		return nil, fmt.Errorf("%s: set GOOGLE_APPLICATION_CREDENTIALS, or run where a service account is attached", oneLine(err.Error()))
	}
	client, err := gcp.NewHTTPClient(guard, gcp.CredentialsTokenSource(credentials))
	if err != nil {
		return nil, err
	}
	opener := &gcsblob.URLOpener{Client: client}
	if domain != "" {
		opener.Options.ClientOptions = []option.ClientOption{option.WithUniverseDomain(domain)}
	}
	return opener, nil
}

// Close implements driver.
func (s *gcsStore) Close() error { return errors.Join(s.opened.Close(), s.client.Close()) }

// limits implements driver. A resumable upload has no parts: its chunks come one after another (cloud.google.com/storage/docs,
// "Resumable uploads"), up to 5 TiB in all.
func (s *gcsStore) limits() limits {
	return limits{parts: int((5 << 40) / s.opts.PartSize), sequential: true}
}

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
	w := s.bucket.Object(key).If(storage.Conditions{DoesNotExist: true}).NewWriter(ctx)
	w.ContentType, w.ContentEncoding, w.Metadata = attrs.contentType, attrs.contentEncoding, encodeMetadata(attrs.metadata)
	w.StorageClass, w.KMSKeyName = s.opts.StorageClass, s.kmsKey
	w.ChunkRetryDeadline = s.opts.Timeout
	return w
}

// confirmGCS closes a writer, which makes the object visible, and compares what is stored.
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

// begin implements driver. The SDK sends the checksum of the whole with the last chunk. The upload ends with ctx, or with abort.
func (s *gcsStore) begin(ctx context.Context, key string, attrs attributes) (parts, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := s.writer(ctx, key, attrs)
	w.ChunkSize = int(s.opts.PartSize)
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
	_ = p.w.Close() // joins the SDK's goroutine; that the upload has failed is known
	return nil
}

// stat implements driver.
func (s *gcsStore) stat(ctx context.Context, key string) (bucket.Info, error) {
	attrs, err := s.bucket.Object(key).Attrs(ctx)
	if err != nil {
		return bucket.Info{}, err
	}
	return bucket.Info{
		Name: key, Size: attrs.Size, ModTime: attrs.Created, ContentType: attrs.ContentType, Metadata: decodeMetadata(attrs.Metadata),
	}, nil
}

// open implements driver. An object with content encoding gzip is read as it is stored.
func (s *gcsStore) open(ctx context.Context, key string, offset, length int64, version string) (content, error) {
	o := s.bucket.Object(key).ReadCompressed(true)
	if generation, err := strconv.ParseInt(version, 10, 64); err == nil {
		o = o.Generation(generation)
	}
	r, err := o.NewRangeReader(ctx, offset, length)
	if err != nil {
		var refused *googleapi.Error
		if errors.As(err, &refused) && refused.Code == http.StatusRequestedRangeNotSatisfiable {
			err = errPastEnd
		}
		return content{}, err
	}
	return content{r, strconv.FormatInt(r.Attrs.Generation, 10)}, nil
}

// list implements driver. GCS lists in byte order of UTF-8.
func (s *gcsStore) list(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		query := &storage.Query{Prefix: prefix, StartOffset: after, Projection: storage.ProjectionNoACL}
		if err := query.SetAttrSelection([]string{"Name", "Size", "Created"}); err != nil {
			yield(bucket.Info{}, err)
			return
		}
		objects := s.bucket.Objects(ctx, query)
		objects.PageInfo().MaxSize = gcsPage
		for {
			attrs, err := objects.Next()
			if errors.Is(err, iterator.Done) {
				return
			}
			if err != nil {
				yield(bucket.Info{}, err)
				return
			}
			if !yield(bucket.Info{Name: attrs.Name, Size: attrs.Size, ModTime: attrs.Created}, nil) {
				return
			}
		}
	}
}

// judge implements driver.
func (s *gcsStore) judge(err error) judgement {
	switch {
	case errors.Is(err, storage.ErrBucketNotExist):
		return judgement{permanent, "the bucket does not exist: create it, or correct its name", err}
	case errors.Is(err, storage.ErrObjectNotExist):
		return judgement{missing, "", err}
	}
	var refused *googleapi.Error
	if !errors.As(err, &refused) || isCredential(err) {
		return judgeSilence(err)
	}
	a := answer{store: "Google Cloud Storage", status: refused.Code, message: refused.Message}
	if len(refused.Errors) > 0 {
		a.code = refused.Errors[0].Reason
	}
	if a.code == "notFound" && a.message == "The specified bucket does not exist." {
		a.code = "bucketNotFound"
	}
	return judgeAnswer(a, gcsRules(), err)
}

// gcsRules are from cloud.google.com/storage/docs/json_api/v1/status-codes.
func gcsRules() []rule {
	return []rule{
		{[]string{"bucketNotFound"}, permanent, "create the bucket, or correct its name"},
		{[]string{"authError", "required"}, denied, "give or renew the credentials, and check this machine's clock"},
		{
			[]string{"forbidden", "insufficientPermissions"},
			denied,
			"give the account the roles roles/storage.objectCreator and roles/storage.objectViewer on the bucket",
		},
		{[]string{"accountDisabled", "userProjectAccountProblem"}, denied, "see to the account's billing"},
		{[]string{"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "badRequestChecksum"}, undecided, ""},
	}
}
