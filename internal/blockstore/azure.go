package blockstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/measure"
)

const (
	// AzurePart is what an upload holds in memory and what one request carries, in bytes. A blob has at most 50,000 parts
	// (learn.microsoft.com, "Scalability and performance targets for Blob storage"), so blocks of up to 390 GiB fit.
	AzurePart = 8 << 20
	// azureTryTimeout bounds one attempt of one request. The SDK sets no bound by default, and a connection that hangs
	// would hold an upload for ever.
	azureTryTimeout = time.Minute
)

// Azure finds the blobs of blocks. Several goroutines may use it.
type Azure struct {
	Credential azcore.TokenCredential // may be nil if every URL carries a signature
	PartSize   int64                  // bytes; AzurePart, except in tests

	mu        sync.Mutex
	signed    *runtime.Pipeline // for URLs with a signature; guarded by mu
	withToken *runtime.Pipeline // keeps a token; guarded by mu
}

// Blob returns the place of a block below a base URL. Its errors do not show the URL, which may hold a signature.
func (a *Azure) Blob(base, dir, fileName string, options azcore.ClientOptions) (*Blob, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, errBase
	}
	root, path, ok := splitContainer(u)
	if !ok {
		return nil, errBase
	}
	below := []string{strings.Trim(path, "/"), strings.TrimSuffix(dir, "/"), fileName}
	name := strings.Join(slices.DeleteFunc(below, func(part string) bool { return part == "" }), "/")
	if !fs.ValidPath(name) {
		return nil, bucket.Permanent(fmt.Errorf("its path %q has empty, \".\" or \"..\" segments", name))
	}
	t := &Blob{
		Location: (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: root + "/" + name}).String(), partSize: a.PartSize,
	}
	if t.secret = u.Query().Get("sig"); t.secret != "" {
		t.query = u.RawQuery
	} else if a.Credential == nil {
		return nil, bucket.Permanent(errors.New("neither a credential nor a shared access signature in the URL"))
	}
	t.pipeline = a.pipeline(t.secret != "", options)
	return t, nil
}

var errBase = bucket.Permanent(errors.New("not of the form https://ACCOUNT.blob.core.windows.net/CONTAINER/PATH"))

// splitContainer splits the path of a URL behind the container. Where the host is an address, as that of an emulator,
// the account is in the path, before the container.
func splitContainer(u *url.URL) (root, path string, ok bool) {
	n := 1
	if net.ParseIP(u.Hostname()) != nil {
		n = 2
	}
	parts := strings.SplitN(strings.TrimPrefix(u.Path, "/"), "/", n+1)
	if u.Host == "" || len(parts) < n || slices.Contains(parts[:n], "") {
		return "", "", false
	}
	return "/" + strings.Join(parts[:n], "/"), strings.Join(parts[n:], "/"), true
}

// pipeline returns what sends the requests, with a signature in their URL or with a token.
func (a *Azure) pipeline(signed bool, options azcore.ClientOptions) *runtime.Pipeline {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept, credential := &a.withToken, a.Credential
	if signed {
		kept, credential = &a.signed, nil
	}
	if *kept == nil {
		p := newPipeline(credential, options)
		*kept = &p
	}
	return *kept
}

// Blob is the place of one block. It belongs to one goroutine.
type Blob struct {
	Location string // URL without the query

	pipeline *runtime.Pipeline
	query    string // with the signature; may be empty
	secret   string // the signature in it; may be empty
	partSize int64  // bytes
}

// Write uploads the block and makes sure that the blob holds it. The errors do not show a signature.
func (t *Blob) Write(ctx context.Context, block io.Reader) error {
	body := measure.NewReader(block)
	err := t.upload(ctx, body)
	// An existing blob may be ours: the SDK repeats requests whose response was lost, and so does our caller.
	exists := hasCode(err, "BlobAlreadyExists", "ConditionNotMet")
	if err != nil && !exists {
		return t.clean(err)
	}
	size, etag, err := t.properties(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("ask for the size of what is stored: %w", t.clean(err))
	case exists:
		return t.verify(ctx, body, size, etag)
	case size != body.Size():
		return fmt.Errorf("%d bytes were sent, but %d are stored", body.Size(), size)
	}
	return nil
}

// upload sends body in parts, one after another, each with its MD5, which the service verifies. The last
// request makes the blob visible if its name is free.
func (t *Blob) upload(ctx context.Context, body io.Reader) error {
	var part bytes.Buffer
	var ids []string
	var random [16]byte // so that the parts of two writers have different names
	_, _ = rand.Read(random[:])
	for last := false; !last; part.Reset() {
		_, err := io.CopyN(&part, body, t.partSize)
		if last = err == io.EOF; err != nil && !last { //nolint:errorlint // an error of body must not pass for its end
			return err
		}
		if last && len(ids) == 0 {
			return t.putWhole(ctx, part.Bytes())
		}
		if part.Len() == 0 {
			break
		}
		id := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(random[:], uint32(len(ids))))
		if err := t.stage(ctx, id, part.Bytes()); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	return t.commit(ctx, ids)
}

// verify compares the existing blob with body. It reads the blob in parts, so that each fits into the time of one
// attempt.
func (t *Blob) verify(ctx context.Context, body *measure.Reader, size int64, etag string) error {
	if err := body.Drain(); err != nil {
		return fmt.Errorf("read the block: %w", err)
	}
	var part struct{ io.Reader }
	there := measure.NewReader(&part)
	for there.Size() < size {
		before := there.Size()
		read, err := t.read(ctx, before, min(t.partSize, size-before), etag)
		if err != nil {
			return fmt.Errorf("read back what exists: %w", t.clean(err))
		}
		part.Reader = bytes.NewReader(read)
		if err := there.Drain(); err != nil {
			return err
		}
		if there.Size() == before {
			return fmt.Errorf("read back what exists: it ends after %d of %d bytes", before, size)
		}
	}
	return checkSame("it", there, body)
}

// clean turns an error of the SDK into one line without the signature.
func (t *Blob) clean(err error) error {
	var refused *azcore.ResponseError
	var transport *url.Error
	switch {
	case errors.As(err, &refused):
		return t.refusal(refused)
	case errors.As(err, &transport):
		err = transport.Err // the text of transport holds the whole URL
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if t.secret != "" {
		text = strings.ReplaceAll(strings.ReplaceAll(text, t.secret, "…"), url.QueryEscape(t.secret), "…")
	}
	return &azureError{text, err}
}

// refusal says what the service answered and, where that is known, what to do about it.
func (t *Blob) refusal(err *azcore.ResponseError) error {
	short := &azureError{fmt.Sprintf("Azure answers %d %s", err.StatusCode, err.ErrorCode), err}
	switch err.ErrorCode {
	case "ContainerNotFound":
		return bucket.Permanent(fmt.Errorf("%w: create the container first", short))
	case "AuthorizationPermissionMismatch", "AuthorizationFailure":
		return fmt.Errorf(
			"%w: give the identity, or the shared access signature, the right to create and to read blobs there", short)
	case "AuthenticationFailed":
		return fmt.Errorf("%w: check that the credential has not expired, and this machine's clock", short)
	}
	return short
}

// azureError has a text that is safe to print, which that of its cause may not be.
type azureError struct {
	text  string
	cause error
}

func (e *azureError) Error() string { return e.text }
func (e *azureError) Unwrap() error { return e.cause }

// hasCode reports whether an error is an answer of the service with one of the codes.
func hasCode(err error, codes ...string) bool {
	var refused *azcore.ResponseError
	return errors.As(err, &refused) && slices.Contains(codes, refused.ErrorCode)
}
