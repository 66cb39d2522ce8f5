package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/urls"
)

// maxPrefix leaves room for the longest object name in the 1024 bytes that S3 and GCS allow for a key.
const maxPrefix = 1024 - bucket.MaxName - 1

// Bucket is an open store.
type Bucket interface {
	bucket.Bucket

	// Close releases connections. After it no method may be called, and open readers fail.
	Close() error
}

// Open returns the bucket that a URL names, with every object name below the path of the URL, if it has one:
//
//	s3://BUCKET/PREFIX?region=REGION    also endpoint=URL, use_path_style=true, ssetype, kmskeyid, profile, role, ...
//	gs://BUCKET/PREFIX                  also kms_key_name, anonymous, universe_domain
//	azblob://CONTAINER/PREFIX?storage_account=ACCOUNT    also domain, protocol, localemu, encryption_scope
//	file:///PATH                        bucket.OpenDir
//
// The parameters are those of gocloud.dev's packages s3blob, gcsblob and azureblob, those that Options names, and
// kms_key_name and encryption_scope. Credentials come from the environment, by the default chain of each SDK, never
// from the URL. Open does not connect, so the first call is the one that fails if the bucket is missing or access is
// denied. The errors of Open are permanent and hold no secrets.
func Open(ctx context.Context, address string, opts Options) (Bucket, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, bucket.Permanent(fmt.Errorf("open store: %w", errNoURL))
	}
	if u.Scheme == "file" {
		return openFile(address, u)
	}
	b, err := openStore(ctx, u, opts)
	if errors.Is(err, errUser) {
		return nil, bucket.Permanent(fmt.Errorf("open store %s: %w", urls.Show(address), err))
	}
	if err != nil {
		return nil, bucket.Permanent(fmt.Errorf("open store %s: %w", location(u), err))
	}
	return b, nil
}

// errNoURL does not repeat the URL, which may hold secrets.
var errNoURL = errors.New("not a URL: write it as in s3://BUCKET/PREFIX?region=REGION")

// errUser is the error of a URL with user info, or with what could be a part of it.
var errUser = errors.New(
	"the URL must not have a user name or password: give credentials by the environment, and write " +
		"an @ that belongs to the path as %40",
)

// CheckURL returns the error that Open would return for the URL of a store before it looks for credentials. It does not
// check parameters of gocloud.dev's packages.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errNoURL
	}
	_, err = parseStore(u, &Options{})
	return err
}

// location returns a URL without the parts that could be secret.
func location(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}).String()
}

func openFile(address string, u *url.URL) (Bucket, error) {
	if u.User != nil || u.Host != "" && u.Host != "localhost" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, bucket.Permanent(fmt.Errorf("open store %s: not a directory of this "+
			"machine: write it as in file:///var/archive", urls.Show(address)))
	}
	return bucket.OpenDir(u.Path)
}

func openStore(ctx context.Context, u *url.URL, opts Options) (Bucket, error) {
	p, err := parseStore(u, &opts)
	if err != nil {
		return nil, err
	}
	d, err := p.open(ctx, &url.URL{Scheme: u.Scheme, Host: u.Host, RawQuery: p.query.Encode()}, opts)
	if err != nil {
		return nil, withoutURL(err)
	}
	return newStore(d, location(u), p.prefix, opts), nil
}

// parsedURL is the URL of a store in its parts.
type parsedURL struct {
	open   func(context.Context, *url.URL, Options) (driver, error)
	prefix string
	query  url.Values // parameters for gocloud.dev
}

// parseStore parses a URL, moves our parameters from it into opts, and checks everything.
func parseStore(u *url.URL, opts *Options) (p parsedURL, err error) {
	open, known := map[string]func(context.Context, *url.URL, Options) (driver, error){
		"s3": openS3, "gs": openGCS, "azblob": openAzure,
	}[u.Scheme]
	switch {
	case !known:
		return p, errors.New("unknown kind of store: s3://, gs://, azblob:// and file:// are known")
	case hasUser(u):
		return p, errUser
	case u.Host == "":
		return p, fmt.Errorf("the name of the bucket is missing: write it as in %s://BUCKET/PREFIX", u.Scheme)
	case u.Fragment != "":
		return p, errors.New("there is a # in the URL: write it as %23")
	}
	p.open = open
	if p.prefix, err = prefixOf(u); err != nil {
		return p, err
	}
	if p.query, err = url.ParseQuery(u.RawQuery); err != nil {
		return p, errors.New("the parameters after the ? are malformed")
	}
	if strings.Contains(p.query.Get("endpoint")+p.query.Get("domain"), "@") {
		return p, errUser
	}
	if e := p.query.Get("endpoint"); u.Scheme == "s3" && e != "" && !strings.Contains(e, "://") {
		return p, errors.New("endpoint: write it with http:// or https://, host and port")
	}
	if err := opts.take(p.query); err != nil {
		return p, err
	}
	opts.setDefaults()
	return p, errors.Join(opts.check(), opts.checkNames(u.Scheme, p.query))
}

// hasUser reports whether there is user info, or an @ behind what a # or / in a password makes of it: a port, a path, a
// fragment, the name of a parameter.
func hasUser(u *url.URL) bool {
	query, err := url.ParseQuery(u.RawQuery)
	for name := range query {
		if strings.Contains(name, "@") {
			return true
		}
	}
	return u.User != nil || u.Port() != "" || strings.Contains(u.EscapedPath()+u.EscapedFragment(), "@") ||
		err != nil && strings.Contains(u.RawQuery, "@")
}

// prefixOf returns the prefix of each name: empty, or ending with a slash.
func prefixOf(u *url.URL) (string, error) {
	prefix := strings.Trim(u.Path, "/")
	if prefix == "" {
		return "", nil
	}
	if err := bucket.CheckName(prefix); err != nil {
		return "", fmt.Errorf("path of the URL: %w", err)
	}
	if len(prefix)+1 > maxPrefix {
		return "", fmt.Errorf("path of the URL has %d bytes, at most %d are allowed: keys would be longer than stores take",
			len(prefix), maxPrefix-1)
	}
	return prefix + "/", nil
}

// withoutURL drops the URL that gocloud.dev puts in front of its errors.
func withoutURL(err error) error {
	if inner := errors.Unwrap(err); inner != nil && strings.HasPrefix(err.Error(), "open bucket ") {
		return inner
	}
	return err
}
