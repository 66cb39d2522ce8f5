package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/jetcapture/jetcapture/internal/blockstore"
)

// BuildURLBase returns the URL below which the blocks of a key go: scheme, account, container and, if wanted, a path,
// such as https://capture.blob.core.windows.net/backup/from-stream-foo/. A shared access signature in it is used in
// place of the credential and never printed. Parts that come from a message should go through EscapePath and
// url.PathEscape. Several goroutines call it.
type BuildURLBase[K DestKey] func(ctx context.Context, destKey K) (string, error)

// AzureBlobStore writes each block to a block blob in Azure Blob Storage. A blob appears whole or not at all, and none
// is ever overwritten: if a blob of that name has the same bytes, it counts as written, otherwise the error wraps
// bucket.ErrExists. The container must exist, and the store needs the right to create and to read blobs in it. Make it
// with NewAzureBlobStore.
type AzureBlobStore[K DestKey] struct {
	// ClientOptions are passed to the SDK. They may be set before the first Write. The zero value means the SDK's
	// defaults, with one minute for each attempt of a request.
	ClientOptions azcore.ClientOptions

	buildURLBase BuildURLBase[K]
	blobs        blockstore.Azure
}

// NewAzureBlobStore returns a store that asks buildURLBase for the place of a key and credential for tokens. Package
// azidentity makes credentials; nil will do if every URL carries a shared access signature. It does not connect.
func NewAzureBlobStore[K DestKey](
	credential azcore.TokenCredential,
	buildURLBase BuildURLBase[K],
) (*AzureBlobStore[K], error) {
	if buildURLBase == nil {
		return nil, errors.New("NewAzureBlobStore needs a function that builds the base URL of a key")
	}
	return &AzureBlobStore[K]{
		buildURLBase: buildURLBase, blobs: blockstore.Azure{Credential: credential, PartSize: blockstore.AzurePart},
	}, nil
}

// Write implements BlockStore. It returns the blob's URL without a signature.
func (a *AzureBlobStore[K]) Write(
	ctx context.Context, block io.Reader, destKey K, dir, fileName string,
) (string, error) {
	if err := blockstore.CheckName(dir, fileName); err != nil {
		return "", err
	}
	base, err := a.buildURLBase(ctx, destKey)
	if err != nil {
		return "", fmt.Errorf("build the URL of key %v: %w", destKey, err)
	}
	blob, err := a.blobs.Blob(base, dir, fileName, a.ClientOptions)
	if err != nil {
		return "", fmt.Errorf("URL of key %v: %w", destKey, err)
	}
	if err := blob.Write(ctx, block); err != nil {
		return "", fmt.Errorf("upload %s: %w", blob.Location, err)
	}
	return blob.Location, nil
}
