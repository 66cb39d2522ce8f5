package blockstore

import (
	"bytes"
	"context"
	"crypto/md5" // not for security: the only checksum that both the service and its emulator verify
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
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

	mu         sync.Mutex
	containers map[string]*container.Client // by URL; each keeps connections and a token; guarded by mu
}

// Blob returns the place of a block below a base URL. Its errors do not show the URL, which may hold a signature.
func (a *Azure) Blob(base, dir, fileName string, options azcore.ClientOptions) (*Blob, error) {
	parts, err := sas.ParseURL(base)
	if err != nil || parts.Host == "" || parts.ContainerName == "" {
		return nil, bucket.Permanent(errors.New("not of the form https://ACCOUNT.blob.core.windows.net/CONTAINER/PATH"))
	}
	below := []string{strings.Trim(parts.BlobName, "/"), strings.TrimSuffix(dir, "/"), fileName}
	parts.BlobName = strings.Join(slices.DeleteFunc(below, func(part string) bool { return part == "" }), "/")
	if !fs.ValidPath(parts.BlobName) {
		return nil, bucket.Permanent(fmt.Errorf("its path %q has empty, \".\" or \"..\" segments", parts.BlobName))
	}
	client, err := a.container(parts, options)
	if err != nil {
		return nil, bucket.Permanent(err)
	}
	return &Blob{
		Location: withoutQuery(parts) + (&url.URL{Path: "/" + parts.BlobName}).EscapedPath(),
		client:   client.NewBlockBlobClient(parts.BlobName),
		secret:   parts.SAS.Signature(),
		partSize: a.PartSize,
	}, nil
}

// container returns the client of a container. Clients with a signature in their URL are not kept, as signatures
// change.
func (a *Azure) container(parts sas.URLParts, sdk azcore.ClientOptions) (*container.Client, error) {
	options := &container.ClientOptions{ClientOptions: sdk}
	if options.Retry.TryTimeout == 0 {
		options.Retry.TryTimeout = azureTryTimeout
	}
	address := withoutQuery(parts)
	if signature := parts.SAS.Encode(); signature != "" {
		return container.NewClientWithNoCredential(address+"?"+signature, options)
	}
	if a.Credential == nil {
		return nil, errors.New("neither a credential nor a shared access signature in the URL")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.containers[address]; c != nil {
		return c, nil
	}
	c, err := container.NewClient(address, a.Credential, options)
	if err != nil {
		return nil, err
	}
	if a.containers == nil {
		a.containers = map[string]*container.Client{}
	}
	a.containers[address] = c
	return c, nil
}

// Blob is the place of one block. It belongs to one goroutine.
type Blob struct {
	Location string // URL without the query

	client   *blockblob.Client
	secret   string // signature in the query; may be empty
	partSize int64  // bytes
}

// Write uploads the block and makes sure that the blob holds it. The errors do not show a signature.
func (t *Blob) Write(ctx context.Context, block io.Reader) error {
	body := measure.NewReader(block)
	err := t.upload(ctx, body)
	// An existing blob may be ours: the SDK repeats requests whose response was lost, and so does our caller.
	exists := bloberror.HasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet)
	if err != nil && !exists {
		return t.clean(err)
	}
	there, err := t.client.GetProperties(ctx, nil)
	if err != nil {
		return fmt.Errorf("ask for the size of what is stored: %w", t.clean(err))
	}
	if there.ContentLength == nil {
		return errors.New("ask for the size of what is stored: the answer has none")
	}
	switch size := *there.ContentLength; {
	case exists:
		return t.verify(ctx, body, size, there.ETag)
	case size != body.Size():
		return fmt.Errorf("%d bytes were sent, but %d are stored", body.Size(), size)
	}
	return nil
}

// upload sends body in parts, one after another, each with its MD5, which the service verifies
// (blockblob.Client.UploadStream sends no checksum that the emulator knows). The last request makes the blob visible if
// its name is free.
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
	_, err := t.client.CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{AccessConditions: ifNew()})
	return err
}

func (t *Blob) putWhole(ctx context.Context, content []byte) error {
	_, err := t.client.Upload(ctx, streaming.NopCloser(bytes.NewReader(content)),
		&blockblob.UploadOptions{TransactionalValidation: partMD5(content), AccessConditions: ifNew()})
	return err
}

func (t *Blob) stage(ctx context.Context, id string, part []byte) error {
	_, err := t.client.StageBlock(ctx, id, streaming.NopCloser(bytes.NewReader(part)),
		&blockblob.StageBlockOptions{TransactionalValidation: partMD5(part)})
	return err
}

func partMD5(part []byte) blob.TransferValidationType {
	sum := md5.Sum(part)
	return blob.TransferValidationTypeMD5(sum[:])
}

// ifNew makes a request fail if the blob exists.
func ifNew() *blob.AccessConditions {
	return &blob.AccessConditions{
		ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)},
	}
}

// verify compares the existing blob with body. It reads the blob in parts, so that each fits into the time of one
// attempt.
func (t *Blob) verify(ctx context.Context, body *measure.Reader, size int64, etag *azcore.ETag) error {
	if err := body.Drain(); err != nil {
		return fmt.Errorf("read the block: %w", err)
	}
	unchanged := &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: etag}}
	var part struct{ io.Reader }
	there := measure.NewReader(&part)
	for there.Size() < size {
		before := there.Size()
		answer, err := t.client.DownloadStream(ctx, &blob.DownloadStreamOptions{
			Range: blob.HTTPRange{Offset: before, Count: min(t.partSize, size-before)}, AccessConditions: unchanged,
		})
		if err != nil {
			return fmt.Errorf("read back what exists: %w", t.clean(err))
		}
		part.Reader = answer.NewRetryReader(ctx, nil)
		if err := errors.Join(there.Drain(), answer.Body.Close()); err != nil {
			return fmt.Errorf("read back what exists: %w", t.clean(err))
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
	switch bloberror.Code(err.ErrorCode) {
	case bloberror.ContainerNotFound:
		return bucket.Permanent(fmt.Errorf("%w: create the container first", short))
	case bloberror.AuthorizationPermissionMismatch, bloberror.AuthorizationFailure:
		return fmt.Errorf(
			"%w: give the identity, or the shared access signature, the right to create and to read blobs there", short)
	case bloberror.AuthenticationFailed:
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

// withoutQuery returns the URL of a container without the query.
func withoutQuery(parts sas.URLParts) string {
	path := "/" + parts.ContainerName
	if account := parts.IPEndpointStyleInfo.AccountName; account != "" {
		path = "/" + account + path
	}
	return (&url.URL{Scheme: parts.Scheme, Host: parts.Host, Path: path}).String()
}
