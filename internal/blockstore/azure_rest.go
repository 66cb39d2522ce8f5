package blockstore

import (
	"bytes"
	"context"
	"crypto/md5" // not for security: the only checksum that both the service and its emulator verify
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
)

// The five requests of the Blob service that a store needs, through the pipeline of azcore: tokens, attempts and time
// limits are the SDK's. Its package azblob has them too, and 56 packages more, which every program that imports
// jetcapture would have to build.

const (
	azureVersion = "2021-12-02" // of the service's REST API
	azureScope   = "https://storage.azure.com/.default"
)

// newPipeline returns what sends requests. Without a credential, the URLs carry signatures.
func newPipeline(credential azcore.TokenCredential, options azcore.ClientOptions) runtime.Pipeline {
	if options.Retry.TryTimeout == 0 {
		options.Retry.TryTimeout = azureTryTimeout
	}
	var own runtime.PipelineOptions
	if credential != nil {
		// Storage answers a token that has expired with a challenge of its own kind.
		again := policy.AuthorizationHandler{
			OnChallenge: func(_ *policy.Request, _ *http.Response, authorize func(policy.TokenRequestOptions) error) error {
				return authorize(policy.TokenRequestOptions{Scopes: []string{azureScope}})
			},
		}
		own.PerRetry = []policy.Policy{runtime.NewBearerTokenPolicy(credential, []string{azureScope},
			&policy.BearerTokenOptions{AuthorizationHandler: again})}
	}
	return runtime.NewPipeline("jetcapture", "v1", own, &options)
}

// request is one request for a blob.
type request struct {
	method string
	query  string // beside the signature
	header http.Header
	body   []byte
	want   int // status
}

// answer is what a store needs of an answer.
type answer struct {
	length int64 // as the header says; -1 if it does not
	etag   string
	body   []byte
}

// send sends a request. Another status than the wanted one is an *azcore.ResponseError.
func (t *Blob) send(ctx context.Context, r request) (a answer, err error) {
	address := t.Location
	if query := strings.Trim(t.query+"&"+r.query, "&"); query != "" {
		address += "?" + query
	}
	req, err := runtime.NewRequest(ctx, r.method, address)
	if err != nil {
		return a, err
	}
	maps.Copy(req.Raw().Header, r.header)
	req.Raw().Header.Set("X-Ms-Version", azureVersion)
	if r.body != nil {
		body := streaming.NopCloser(bytes.NewReader(r.body))
		if err := req.SetBody(body, "application/octet-stream"); err != nil {
			return a, err
		}
	}
	got, err := t.pipeline.Do(req) // reads the body, too
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, got.Body.Close()) }()
	if !runtime.HasStatusCode(got, r.want) {
		return a, runtime.NewResponseError(got)
	}
	a = answer{length: got.ContentLength, etag: got.Header.Get("ETag")}
	a.body, err = runtime.Payload(got)
	return a, err
}

// putWhole stores a blob by one request, if its name is free.
func (t *Blob) putWhole(ctx context.Context, content []byte) error {
	_, err := t.send(ctx, request{
		method: http.MethodPut, body: content, want: http.StatusCreated,
		header: header("X-Ms-Blob-Type", "BlockBlob", "Content-Md5", contentMD5(content), "If-None-Match", "*"),
	})
	return err
}

// stage stores a part of a blob that does not exist yet.
func (t *Blob) stage(ctx context.Context, id string, part []byte) error {
	_, err := t.send(ctx, request{
		method: http.MethodPut, query: "comp=block&blockid=" + url.QueryEscape(id), body: part,
		want: http.StatusCreated, header: header("Content-Md5", contentMD5(part)),
	})
	return err
}

// commit makes a blob of parts, if its name is free.
func (t *Blob) commit(ctx context.Context, ids []string) error {
	var list bytes.Buffer
	list.WriteString(`<?xml version="1.0" encoding="utf-8"?><BlockList>`)
	for _, id := range ids {
		fmt.Fprintf(&list, "<Latest>%s</Latest>", id) // base64 needs no escapes
	}
	list.WriteString("</BlockList>")
	_, err := t.send(ctx, request{
		method: http.MethodPut, query: "comp=blocklist", body: list.Bytes(), want: http.StatusCreated,
		header: header("If-None-Match", "*"),
	})
	return err
}

// properties returns the size of the blob and the tag of its content.
func (t *Blob) properties(ctx context.Context) (size int64, etag string, err error) {
	a, err := t.send(ctx, request{method: http.MethodHead, want: http.StatusOK})
	if err == nil && a.length < 0 {
		err = errors.New("the answer has no size")
	}
	return a.length, a.etag, err
}

// read returns up to n bytes of the blob from an offset on, unless it has changed.
func (t *Blob) read(ctx context.Context, offset, n int64, etag string) ([]byte, error) {
	a, err := t.send(ctx, request{
		method: http.MethodGet, want: http.StatusPartialContent,
		header: header("X-Ms-Range", fmt.Sprintf("bytes=%d-%d", offset, offset+n-1), "If-Match", etag),
	})
	return a.body, err
}

// header makes a header of names and values.
func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func contentMD5(content []byte) string {
	sum := md5.Sum(content)
	return base64.StdEncoding.EncodeToString(sum[:])
}
