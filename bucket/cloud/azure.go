package cloud

import (
	"bytes"
	"context"
	"crypto/md5" // not for security: the only checksum that both the service and its emulator verify
	"encoding/hex"
	"errors"
	"iter"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/jetcapture/jetcapture/bucket"
)

// azureStore is a container of Azure Blob Storage.
type azureStore struct {
	container *container.Client
	opts      Options
	scope     *blob.CPKScopeInfo // encryption scope; nil: the container's
}

// Close implements driver. Idle connections end by themselves.
func (s *azureStore) Close() error { return nil }

// limits implements driver (learn.microsoft.com, "Scalability and performance targets for Blob storage").
func (s *azureStore) limits() limits { return limits{parts: 50_000} }

// put implements driver.
func (s *azureStore) put(ctx context.Context, key string, content []byte, attrs attributes) error {
	sum := md5.Sum(content)
	body := streaming.NopCloser(bytes.NewReader(content))
	out, err := s.container.NewBlockBlobClient(key).Upload(ctx, body, &blockblob.UploadOptions{
		HTTPHeaders: azureHeaders(attrs), Metadata: azureMetadata(attrs.metadata), Tags: s.opts.Tags, Tier: s.tier(),
		CPKScopeInfo: s.scope, TransactionalValidation: blob.TransferValidationTypeMD5(sum[:]), AccessConditions: ifNew(),
	})
	if err != nil {
		return err
	}
	if len(out.ContentMD5) == 0 {
		return s.confirmSize(ctx, key, int64(len(content)))
	}
	return confirmSum("MD5", hex.EncodeToString(out.ContentMD5), hex.EncodeToString(sum[:]))
}

// confirmSize compares the size of the stored blob with what was sent.
func (s *azureStore) confirmSize(ctx context.Context, key string, want int64) error {
	info, err := s.stat(ctx, key)
	if err != nil {
		return err
	}
	return confirmSize(info.Size, want)
}

func azureHeaders(attrs attributes) *blob.HTTPHeaders {
	return &blob.HTTPHeaders{
		BlobContentType: optional(attrs.contentType), BlobContentEncoding: optional(attrs.contentEncoding),
	}
}

// azureMetadata makes keys C# identifiers, which Azure demands: a hyphen becomes an underscore.
func azureMetadata(metadata map[string]string) map[string]*string {
	m := make(map[string]*string, len(metadata))
	for key, value := range encodeMetadata(metadata) {
		m[strings.ReplaceAll(key, "-", "_")] = new(value)
	}
	return m
}

func (s *azureStore) tier() *blob.AccessTier {
	if s.opts.StorageClass == "" {
		return nil
	}
	return new(blob.AccessTier(s.opts.StorageClass))
}

// ifNew makes a request fail if the blob exists.
func ifNew() *blob.AccessConditions {
	return &blob.AccessConditions{
		ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)},
	}
}

// stat implements driver.
func (s *azureStore) stat(ctx context.Context, key string) (bucket.Info, error) {
	out, err := s.container.NewBlobClient(key).GetProperties(ctx, nil)
	if err != nil {
		return bucket.Info{}, err
	}
	metadata := make(map[string]string, len(out.Metadata))
	for name, value := range out.Metadata {
		metadata[name] = deref(value)
	}
	return bucket.Info{
		Name: key, Size: deref(out.ContentLength), ModTime: deref(out.LastModified),
		ContentType: deref(out.ContentType), Metadata: decodeMetadata(metadata),
	}, nil
}

func deref[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}

// open implements driver.
func (s *azureStore) open(ctx context.Context, key string, offset, length int64, version string) (content, error) {
	// Count 0: to the end
	options := &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: offset, Count: max(length, 0)}}
	if version != "" {
		options.AccessConditions = &blob.AccessConditions{
			ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: new(azcore.ETag(version))},
		}
	}
	out, err := s.container.NewBlobClient(key).DownloadStream(ctx, options)
	if err != nil {
		var refused *azcore.ResponseError
		if errors.As(err, &refused) && refused.StatusCode == http.StatusRequestedRangeNotSatisfiable {
			err = errPastEnd
		}
		return content{}, err
	}
	return content{out.Body, string(deref(out.ETag))}, nil
}

// list implements driver. The service begins near StartFrom. Older ones and the emulator begin at the prefix, which
// takes longer.
func (s *azureStore) list(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		pages := s.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
			Prefix: &prefix, StartFrom: optional(after),
		})
		for pages.More() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(bucket.Info{}, err)
				return
			}
			for _, item := range page.Segment.BlobItems {
				info := bucket.Info{Name: deref(item.Name)}
				if p := item.Properties; p != nil {
					info.Size, info.ModTime = deref(p.ContentLength), deref(p.LastModified)
				}
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

// judge implements driver.
func (s *azureStore) judge(err error) judgement {
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) || isCredential(err) {
		return judgeSilence(err)
	}
	return judgeAnswer(answer{store: "Azure", status: refused.StatusCode, code: refused.ErrorCode}, azureRules(), err)
}

// azureRules returns rules from learn.microsoft.com, "Blob service error codes" and "Common REST API error codes".
func azureRules() []rule {
	code := func(codes ...bloberror.Code) (texts []string) {
		for _, c := range codes {
			texts = append(texts, string(c))
		}
		return texts
	}
	return []rule{
		{code(bloberror.BlobAlreadyExists, bloberror.BlobImmutableDueToPolicy), exists, ""},
		{code(bloberror.BlobNotFound), missing, ""},
		// Another writer has committed, which has dropped our staged blocks, or is putting the blob right now.
		{code(bloberror.InvalidBlockList, bloberror.InvalidBlobOrBlock), undecided, "another writer was faster, try again"},
		{
			code(bloberror.MD5Mismatch, "InvalidMd5", "IncompleteBody", "OperationTimedOut", "ServerBusy", "InternalError"),
			undecided, "",
		},
		{code(bloberror.ContainerNotFound), permanent, "create the container, or correct its name"},
		{
			code(bloberror.InvalidResourceName, bloberror.InvalidURI), permanent,
			"correct the name of the container, or shorten the path in the URL",
		},
		{code(bloberror.ContainerBeingDeleted, bloberror.AccountBeingCreated), undecided, ""},
		{code(bloberror.ResourceNotFound), missing, ""},
		{
			code(bloberror.AuthorizationPermissionMismatch, bloberror.AuthorizationFailure,
				bloberror.InsufficientAccountPermissions), denied,
			"give the identity, or the shared access signature, the right to " +
				"create, read and list blobs there; see docs/STORES.md",
		},
		{
			code(bloberror.AuthenticationFailed, "InvalidAuthenticationInfo"), denied,
			"check the credentials, whether they have expired, and this machine's clock",
		},
		{code("AccountIsDisabled"), denied, "enable the storage account"},
	}
}
