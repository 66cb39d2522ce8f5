package cloud

import (
	"bytes"
	"context"
	"crypto/md5" // see azure.go
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// azureParts are staged blocks. Committing their list makes the blob.
type azureParts struct {
	*azureStore
	attrs  attributes
	key    string
	blob   *blockblob.Client
	random [16]byte // in the names of the blocks, so that those of several writers differ

	mu    sync.Mutex // guards size and count
	size  int64
	count int
}

// begin implements driver. It sends no request, because blocks can be staged for any name.
func (s *azureStore) begin(_ context.Context, key string, attrs attributes) (parts, error) {
	p := &azureParts{azureStore: s, attrs: attrs, key: key, blob: s.container.NewBlockBlobClient(key)}
	_, _ = rand.Read(p.random[:]) // never fails
	return p, nil
}

// id returns the name of block n. The names of all blocks of a blob must have the same length.
func (p *azureParts) id(n int) string {
	//nolint:gosec // at most 50,000
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(p.random[:], uint32(n)))
}

// put implements parts.
func (p *azureParts) put(ctx context.Context, n int, part []byte) error {
	sum := md5.Sum(part)
	_, err := p.blob.StageBlock(ctx, p.id(n), streaming.NopCloser(bytes.NewReader(part)),
		&blockblob.StageBlockOptions{TransactionalValidation: blob.TransferValidationTypeMD5(sum[:]), CPKScopeInfo: p.scope})
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size += int64(len(part))
	p.count++
	return nil
}

// complete implements parts.
func (p *azureParts) complete(ctx context.Context) error {
	ids := make([]string, p.count)
	for i := range ids {
		ids[i] = p.id(i + 1)
	}
	_, err := p.blob.CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{
		HTTPHeaders: azureHeaders(p.attrs), Metadata: azureMetadata(p.attrs.metadata), Tags: p.opts.Tags, Tier: p.tier(),
		CPKScopeInfo: p.scope, AccessConditions: ifNew(),
	})
	if err != nil {
		return err
	}
	return p.confirmSize(ctx, p.key, p.size)
}

// abort implements parts. Azure drops staged blocks after a week. The only request that drops them is to delete the
// blob.
func (p *azureParts) abort(context.Context) error { return nil }
