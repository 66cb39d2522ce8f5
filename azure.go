package jetcapture

import (
	"bytes"
	"context"
	"crypto/md5" // no matter of security: the one checksum that the service and its emulator verify
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
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
)

const (
	// azurePart is what an upload holds in memory, and what one request carries. A blob has 50,000 parts at most (learn.microsoft.com,
	// "Scalability and performance targets for Blob storage"), so blocks of up to 390 GiB fit.
	azurePart = 8 << 20
	// azureTryTimeout bounds one attempt of one request. The SDK has no bound by default: a connection that hangs would hold an upload for ever.
	azureTryTimeout = time.Minute
)

// BuildURLBase returns the URL below which the blocks of a key go: scheme, account, container and, if wanted, a path, for example
// https://capture.blob.core.windows.net/backup/from-stream-foo/. It may carry a shared access signature, which then is used instead of the
// credential and never printed. It is called from several goroutines. What comes from a message should go through EscapePath and url.PathEscape.
type BuildURLBase[K DestKey] func(ctx context.Context, destKey K) (string, error)

// AzureBlobStore writes each block to a block blob in Azure Blob Storage. A blob appears whole or not at all, and none is ever overwritten: one
// that is there with the same bytes counts as written, another one is an error. It needs the right to create and to read blobs in a
// container that exists. Make it with NewAzureBlobStore.
type AzureBlobStore[K DestKey] struct {
	// ClientOptions are handed to the SDK. They may be set before the first Write. Zero: the SDK's, with 1 minute for each attempt.
	ClientOptions azcore.ClientOptions

	credential   azcore.TokenCredential
	buildURLBase BuildURLBase[K]
	partSize     int64 // azurePart, but for tests

	mu         sync.Mutex
	containers map[string]*container.Client // by URL; each keeps connections and a token
}

// NewAzureBlobStore returns a store that asks credential for tokens, as made by package azidentity, and buildURLBase for the place of a key. A nil
// credential will do where every URL carries a shared access signature. It does not connect.
func NewAzureBlobStore[K DestKey](
	credential azcore.TokenCredential,
	buildURLBase BuildURLBase[K],
) (*AzureBlobStore[K], error) {
	if buildURLBase == nil {
		return nil, errors.New("NewAzureBlobStore needs a function that builds the base URL of a key")
	}
	return &AzureBlobStore[K]{
		credential: credential, buildURLBase: buildURLBase, partSize: azurePart, containers: map[string]*container.Client{},
	}, nil
}

// Write implements BlockStore. It returns the blob's URL without any signature.
func (a *AzureBlobStore[K]) Write(ctx context.Context, block io.Reader, destKey K, dir, fileName string) (string, error) {
	if err := checkBlockName(dir, fileName); err != nil {
		return "", err
	}
	base, err := a.buildURLBase(ctx, destKey)
	if err != nil {
		return "", fmt.Errorf("build the URL of key %v: %w", destKey, err)
	}
	target, err := a.target(base, dir, fileName)
	if err != nil {
		return "", fmt.Errorf("URL of key %v: %w", destKey, err)
	}
	if err := target.put(ctx, newHashedBody(block)); err != nil {
		return "", fmt.Errorf("upload %s: %w", target.location, err)
	}
	return target.location, nil
}

// target takes the base URL apart. Its errors do not show it: it may hold a signature.
func (a *AzureBlobStore[K]) target(base, dir, fileName string) (*azureBlob, error) {
	parts, err := sas.ParseURL(base)
	if err != nil || parts.Host == "" || parts.ContainerName == "" {
		return nil, bucket.Permanent(errors.New("not of the form https://ACCOUNT.blob.core.windows.net/CONTAINER/PATH"))
	}
	parts.BlobName = joinPath(strings.Trim(parts.BlobName, "/"), strings.TrimSuffix(dir, "/"), fileName)
	if !fs.ValidPath(parts.BlobName) {
		return nil, bucket.Permanent(fmt.Errorf("its path %q has empty, \".\" or \"..\" segments", parts.BlobName))
	}
	client, err := a.container(parts)
	if err != nil {
		return nil, bucket.Permanent(err)
	}
	return &azureBlob{
		Client:   client.NewBlockBlobClient(parts.BlobName),
		location: withoutQuery(parts) + (&url.URL{Path: "/" + parts.BlobName}).EscapedPath(),
		secret:   parts.SAS.Signature(),
		partSize: a.partSize,
	}, nil
}

// container returns the client of a container. Those with a signature in their URL are not kept, as signatures change.
func (a *AzureBlobStore[K]) container(parts sas.URLParts) (*container.Client, error) {
	options := &container.ClientOptions{ClientOptions: a.ClientOptions}
	if options.Retry.TryTimeout == 0 {
		options.Retry.TryTimeout = azureTryTimeout
	}
	address := withoutQuery(parts)
	if signature := parts.SAS.Encode(); signature != "" {
		return container.NewClientWithNoCredential(address+"?"+signature, options)
	}
	if a.credential == nil {
		return nil, errors.New("neither a credential nor a shared access signature in the URL")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.containers[address]; c != nil {
		return c, nil
	}
	c, err := container.NewClient(address, a.credential, options)
	if err == nil {
		a.containers[address] = c
	}
	return c, err
}

// azureBlob is where one block goes.
type azureBlob struct {
	*blockblob.Client
	location string // URL without query
	secret   string // signature of the URL; may be empty
	partSize int64
}

// put uploads body and makes sure that the blob holds it.
func (t *azureBlob) put(ctx context.Context, body *hashedBody) error {
	err := t.upload(ctx, body)
	// The blob that exists may be ours: the SDK repeats requests whose response was lost, and so does our caller.
	exists := bloberror.HasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet)
	if err != nil && !exists {
		return t.clean(err)
	}
	there, err := t.GetProperties(ctx, nil)
	if err != nil {
		return fmt.Errorf("ask for the size of what is stored: %w", t.clean(err))
	}
	if there.ContentLength == nil {
		return errors.New("ask for the size of what is stored: the answer has none")
	}
	switch size := *there.ContentLength; {
	case exists:
		return t.verify(ctx, body, size, there.ETag)
	case size != body.size:
		return fmt.Errorf("%d bytes were sent, but %d are stored", body.size, size)
	}
	return nil
}

// upload sends body in parts, one after another, each with its MD5, which the service verifies (blockblob.Client.UploadStream sends none that
// the emulator knows). The last request makes the blob visible, and only if its name is free.
func (t *azureBlob) upload(ctx context.Context, body io.Reader) error {
	var part bytes.Buffer
	var ids []string
	var random [16]byte // keeps the parts of several writers apart
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
	_, err := t.CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{AccessConditions: ifNew()})
	return err
}

func (t *azureBlob) putWhole(ctx context.Context, content []byte) error {
	_, err := t.Upload(ctx, streaming.NopCloser(bytes.NewReader(content)),
		&blockblob.UploadOptions{TransactionalValidation: partMD5(content), AccessConditions: ifNew()})
	return err
}

func (t *azureBlob) stage(ctx context.Context, id string, part []byte) error {
	_, err := t.StageBlock(ctx, id, streaming.NopCloser(bytes.NewReader(part)),
		&blockblob.StageBlockOptions{TransactionalValidation: partMD5(part)})
	return err
}

func partMD5(part []byte) blob.TransferValidationType {
	sum := md5.Sum(part)
	return blob.TransferValidationTypeMD5(sum[:])
}

// ifNew makes a request fail if the blob exists.
func ifNew() *blob.AccessConditions {
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}}
}

// verify reads the existing blob back, part by part so that each fits into the time of one attempt.
func (t *azureBlob) verify(ctx context.Context, body *hashedBody, size int64, etag *azcore.ETag) error {
	if err := body.drain(); err != nil {
		return fmt.Errorf("read the block: %w", err)
	}
	there := newHashedBody(nil)
	for there.size < size {
		part, err := t.DownloadStream(ctx, &blob.DownloadStreamOptions{
			Range:            blob.HTTPRange{Offset: there.size, Count: min(t.partSize, size-there.size)},
			AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: etag}},
		})
		if err != nil {
			return fmt.Errorf("read back what exists: %w", t.clean(err))
		}
		before := there.size
		there.r = part.NewRetryReader(ctx, nil)
		if err := errors.Join(there.drain(), part.Body.Close()); err != nil {
			return fmt.Errorf("read back what exists: %w", t.clean(err))
		}
		if there.size == before {
			return fmt.Errorf("read back what exists: it ends after %d of %d bytes", there.size, size)
		}
	}
	return there.compare("it", body)
}

// clean makes one line of an SDK's error, without a signature, that says what to do.
func (t *azureBlob) clean(err error) error {
	var refused *azcore.ResponseError
	var transport *url.Error
	switch {
	case errors.As(err, &refused):
		return t.refusal(refused)
	case errors.As(err, &transport):
		err = transport.Err // its text holds the whole URL
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if t.secret != "" {
		text = strings.ReplaceAll(strings.ReplaceAll(text, t.secret, "…"), url.QueryEscape(t.secret), "…")
	}
	return &azureError{text, err}
}

func (t *azureBlob) refusal(err *azcore.ResponseError) error {
	short := &azureError{fmt.Sprintf("Azure answers %d %s", err.StatusCode, err.ErrorCode), err}
	switch bloberror.Code(err.ErrorCode) {
	case bloberror.ContainerNotFound:
		return bucket.Permanent(fmt.Errorf("%w: create the container first", short))
	case bloberror.AuthorizationPermissionMismatch, bloberror.AuthorizationFailure:
		return fmt.Errorf("%w: give the identity, or the shared access signature, the right to create and to read blobs there", short)
	case bloberror.AuthenticationFailed:
		return fmt.Errorf("%w: check that the credential has not expired, and this machine's clock", short)
	}
	return short
}

// azureError shows a text that is safe to print in place of that of its cause.
type azureError struct {
	text  string
	cause error
}

func (e *azureError) Error() string { return e.text }
func (e *azureError) Unwrap() error { return e.cause }

// withoutQuery returns the URL of a container without query.
func withoutQuery(parts sas.URLParts) string {
	path := "/" + parts.ContainerName
	if account := parts.IPEndpointStyleInfo.AccountName; account != "" {
		path = "/" + account + path
	}
	return (&url.URL{Scheme: parts.Scheme, Host: parts.Host, Path: path}).String()
}
