package cloud

import (
	"context"
	"errors"
	"fmt"
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
	// gcsAttempts is how often the SDK tries a request. By default it never gives up.
	gcsAttempts = 4
	// gcsPage is how many objects a listing asks for at a time, the most that GCS returns.
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

// newGCSOpener finds credentials. (gocloud.dev's own search prints to the standard output, and goes on if it finds
// none.)
func newGCSOpener(ctx context.Context, query url.Values, opts Options) (*gcsblob.URLOpener, error) {
	guard := &stallGuard{limit: opts.Timeout, do: http.DefaultTransport.RoundTrip}
	anonymous, _ := strconv.ParseBool(query.Get("anonymous")) // the opener complains
	if anonymous || os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		query.Del("anonymous") // with it, the opener would make a client of its own
		client := gcp.NewAnonymousHTTPClient(guard)
		opener := &gcsblob.URLOpener{Client: client}
		// With an emulator the SDK makes a client of its own, without our timeouts, unless this option names ours.
		opener.Options.ClientOptions = []option.ClientOption{option.WithHTTPClient(&client.Client)}
		return opener, nil
	}
	domain := query.Get("universe_domain")
	credentials, err := gcp.DefaultCredentialsWithParams(ctx, google.CredentialsParams{UniverseDomain: domain})
	if err != nil {
		return nil, fmt.Errorf("%s: set GOOGLE_APPLICATION_CREDENTIALS, or run where a service account is attached",
			oneLine(err.Error()))
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

// limits implements driver. A resumable upload has no parts: its chunks come one after another
// (cloud.google.com/storage/docs, "Resumable uploads"), up to 5 TiB in all.
func (s *gcsStore) limits() limits {
	return limits{parts: int((5 << 40) / s.opts.PartSize), sequential: true}
}

// stat implements driver.
func (s *gcsStore) stat(ctx context.Context, key string) (bucket.Info, error) {
	attrs, err := s.bucket.Object(key).Attrs(ctx)
	if err != nil {
		return bucket.Info{}, err
	}
	return bucket.Info{
		Name: key, Size: attrs.Size, ModTime: attrs.Created, ContentType: attrs.ContentType,
		Metadata: decodeMetadata(attrs.Metadata),
	}, nil
}

// open implements driver. An object with content encoding gzip is read as stored.
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

// gcsRules returns rules from cloud.google.com/storage/docs/json_api/v1/status-codes.
func gcsRules() []rule {
	return []rule{
		{[]string{"bucketNotFound"}, permanent, "create the bucket, or correct its name"},
		{[]string{"authError", "required"}, denied, "give or renew the credentials, and check this machine's clock"},
		{
			[]string{"forbidden", "insufficientPermissions"},
			denied,
			"give the account the roles roles/storage.objectCreator and roles/storage.objectViewer on the bucket",
		},
		{[]string{"accountDisabled", "userProjectAccountProblem"}, denied, "check the account's billing"},
		{[]string{"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "badRequestChecksum"}, undecided, ""},
	}
}
