package jetcapture_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// fakeAzure speaks as much of the Blob service's REST API as AzureBlobStore uses. It fails on demand, which the real
// emulator cannot be made to do.
type fakeAzure struct {
	*httptest.Server

	mu       sync.Mutex
	blobs    map[string][]byte
	blocks   map[string][]byte
	requests []string // method, path and comp
	tokens   int      // how often the credential was asked for one
	// before may answer in place of the service; after may spoil the answer of a request that was carried out.
	before, after func(w http.ResponseWriter, r *http.Request) (handled bool)
}

func newFakeAzure(t *testing.T) *fakeAzure {
	f := &fakeAzure{blobs: map[string][]byte{}, blocks: map[string][]byte{}}
	f.Server = httptest.NewTLSServer(f)
	t.Cleanup(f.Close)
	return f
}

// options let the SDK trust the server and retry at once.
func (f *fakeAzure) options() azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport: f.Client(),
		Retry:     policy.RetryOptions{RetryDelay: time.Millisecond, MaxRetryDelay: 2 * time.Millisecond},
	}
}

// GetToken implements azcore.TokenCredential.
func (f *fakeAzure) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens++
	return azcore.AccessToken{Token: "t0ken", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func (f *fakeAzure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("comp")))
	body, err := io.ReadAll(r.Body)
	if err != nil || f.before != nil && f.before(w, r) {
		return
	}
	switch answer := httptest.NewRecorder(); {
	case r.Header.Get("Authorization") != "Bearer t0ken" && r.URL.Query().Get("sig") == "":
		refuse(w, http.StatusUnauthorized, "NoAuthenticationInformation")
	default:
		f.serve(answer, r, body)
		if f.after != nil && f.after(w, r) {
			return
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}
}

func (f *fakeAzure) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	path := r.URL.Path
	if sum := md5.Sum(body); r.Method == http.MethodPut && r.URL.Query().Get("comp") != "blocklist" &&
		r.Header.Get("Content-MD5") != base64.StdEncoding.EncodeToString(sum[:]) {
		refuse(w, http.StatusBadRequest, "Md5Mismatch")
		return
	}
	switch q := r.URL.Query(); {
	case r.Method == http.MethodPut && q.Get("comp") == "block":
		f.blocks[path+" "+q.Get("blockid")] = body
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPut:
		f.create(w, r, body)
	default:
		f.read(w, r)
	}
}

// create carries out Put Blob and Put Block List.
func (f *fakeAzure) create(w http.ResponseWriter, r *http.Request, body []byte) {
	path := r.URL.Path
	if _, exists := f.blobs[path]; exists && r.Header.Get("If-None-Match") == "*" {
		refuse(w, http.StatusConflict, "BlobAlreadyExists")
		return
	}
	if r.URL.Query().Get("comp") == "blocklist" {
		var list struct {
			Latest []string `xml:"Latest"`
		}
		if err := xml.Unmarshal(body, &list); err != nil {
			refuse(w, http.StatusBadRequest, "InvalidXmlDocument")
			return
		}
		body = nil
		for _, id := range list.Latest {
			body = append(body, f.blocks[path+" "+id]...)
		}
	}
	f.blobs[path] = body
	w.WriteHeader(http.StatusCreated)
}

// read carries out Get Blob Properties and Get Blob with a range.
func (f *fakeAzure) read(w http.ResponseWriter, r *http.Request) {
	content, exists := f.blobs[r.URL.Path]
	if !exists {
		refuse(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	w.Header().Set("ETag", `"1"`)
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		return
	}
	var from, last int
	_, err := fmt.Sscanf(r.Header.Get("x-ms-range"), "bytes=%d-%d", &from, &last)
	if err != nil || r.Header.Get("If-Match") != `"1"` {
		refuse(w, http.StatusBadRequest, "InvalidRange")
		return
	}
	part := content[from : last+1]
	w.Header().Set("Content-Length", strconv.Itoa(len(part)))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = w.Write(part)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}
