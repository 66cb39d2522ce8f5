package jetcapture_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
)

const (
	testPart = 64 << 10
	blobPath = "/backup/from foo/eu/" + window + "x.ndjson"
)

// azureStore returns a store on f whose base URLs are below /backup/from foo/.
func azureStore(t *testing.T, f *fakeAzure, query string) *jetcapture.AzureBlobStore[string] {
	t.Helper()
	base := func(_ context.Context, key string) (string, error) {
		return f.URL + "/backup/from%20foo/" + key + "/" + query, nil
	}
	store, err := jetcapture.NewAzureBlobStore(azcore.TokenCredential(f), base)
	if err != nil {
		t.Fatal(err)
	}
	store.ClientOptions = f.options()
	store.SetPartSize(testPart)
	return store
}

func azureWrite(t *testing.T, store *jetcapture.AzureBlobStore[string], content string) error {
	t.Helper()
	_, err := store.Write(t.Context(), strings.NewReader(content), "eu", window, "x.ndjson")
	return err
}

// parts returns content that takes several requests.
func parts() string {
	b := make([]byte, 2*testPart+1000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return string(b)
}

func TestAzureUpload(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "small": "{}\n", "a whole part": strings.Repeat("x", testPart), "several parts": parts(),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeAzure(t)
			block := iotest.HalfReader(strings.NewReader(content))
			location, err := azureStore(t, f, "").Write(t.Context(), block, "eu", window, "x.ndjson")
			if err != nil {
				t.Fatal(err)
			}
			if want := f.URL + strings.ReplaceAll(blobPath, " ", "%20"); location != want {
				t.Errorf("location %s, want %s", location, want)
			}
			if got, ok := f.blobs[blobPath]; !ok || string(got) != content || len(f.blobs) != 1 {
				t.Errorf("%d blobs, %d bytes at %s, want %d", len(f.blobs), len(got), blobPath, len(content))
			}
			if !slices.Contains(f.requests, "HEAD "+blobPath) {
				t.Errorf("the size was not confirmed: %q", f.requests)
			}
		})
	}
}

func TestAzureKeepsItsToken(t *testing.T) {
	f := newFakeAzure(t)
	store := azureStore(t, f, "")
	for _, key := range []string{"a", "b", "c"} {
		if _, err := store.Write(t.Context(), strings.NewReader(key), key, window, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if f.tokens != 1 || len(f.blobs) != 3 {
		t.Errorf("%d tokens for %d blobs", f.tokens, len(f.blobs))
	}
}

func TestAzureNeverOverwrites(t *testing.T) {
	for name, content := range map[string]string{"small": "{}\n", "several parts": parts()} {
		t.Run(name, func(t *testing.T) {
			f := newFakeAzure(t)
			store := azureStore(t, f, "")
			if err := errors.Join(azureWrite(t, store, content), azureWrite(t, store, content)); err != nil {
				t.Fatalf("the same again: %v", err)
			}
			other := []byte(content)
			other[len(other)-1] ^= 1
			err := azureWrite(t, store, string(other))
			if !errors.Is(err, bucket.ErrExists) {
				t.Errorf("another block: got error %v, want %v", err, bucket.ErrExists)
			}
			wantText(t, err, "SHA-256", "x.ndjson")
			if string(f.blobs[blobPath]) != content {
				t.Error("the blob was overwritten")
			}
		})
	}
}

// TestAzureLostAnswer loses an answer, so that the SDK repeats the request and finds its own blob.
func TestAzureLostAnswer(t *testing.T) {
	for name, content := range map[string]string{"small": "{}\n", "several parts": parts()} {
		t.Run(name, func(t *testing.T) {
			f := newFakeAzure(t)
			lost := 0
			f.after = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPut || r.URL.Query().Get("comp") == "block" || lost > 0 {
					return false
				}
				lost++
				panic(http.ErrAbortHandler) // closes the connection
			}
			f.Config.ErrorLog = nil
			if err := azureWrite(t, azureStore(t, f, ""), content); err != nil {
				t.Error(err)
			}
			if lost != 1 || string(f.blobs[blobPath]) != content {
				t.Errorf("%d answers lost, %d bytes stored", lost, len(f.blobs[blobPath]))
			}
		})
	}
}

func TestAzureRetriesWhatIsTransient(t *testing.T) {
	f := newFakeAzure(t)
	refused := map[string]int{}
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		step := r.Method + r.URL.Query().Get("comp") + r.URL.Query().Get("blockid")
		if refused[step]++; refused[step] > 2 {
			return false
		}
		refuse(w, http.StatusServiceUnavailable, "ServerBusy")
		return true
	}
	content := parts()
	if err := azureWrite(t, azureStore(t, f, ""), content); err != nil {
		t.Fatal(err)
	}
	if len(refused) != 5 || string(f.blobs[blobPath]) != content { // 3 parts, their list, the size
		t.Errorf("%d steps, %d bytes stored", len(refused), len(f.blobs[blobPath]))
	}
}

func TestAzureLeavesNothingAfterAnError(t *testing.T) {
	f := newFakeAzure(t)
	store := azureStore(t, f, "")
	broken := io.MultiReader(strings.NewReader(parts()), iotest.ErrReader(errDiskFull))
	if _, err := store.Write(t.Context(), broken, "eu", window, "x.ndjson"); !errors.Is(err, errDiskFull) {
		t.Errorf("a broken block: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Write(ctx, strings.NewReader("x"), "eu", window, "x.ndjson"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled write: %v", err)
	}
	if len(f.blobs) > 0 {
		t.Errorf("%d blobs", len(f.blobs))
	}
}

func TestAzureConfirmsTheSize(t *testing.T) {
	f := newFakeAzure(t)
	f.after = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			f.blobs[r.URL.Path] = []byte("{")
		}
		return false
	}
	err := azureWrite(t, azureStore(t, f, ""), "{}\n")
	wantText(t, err, "3 bytes were sent, but 1 are stored")
}

func TestAzureSignatureInURL(t *testing.T) {
	f := newFakeAzure(t)
	store := azureStore(t, f, "?sv=2024-11-04&sig=s3cr3t%2B%2F%3D")
	location, err := store.Write(t.Context(), strings.NewReader("{}\n"), "eu", window, "x.ndjson")
	if err != nil || strings.Contains(location, "?") {
		t.Errorf("location %q, %v", location, err)
	}
	if f.tokens != 0 {
		t.Error("a token was asked for in spite of the signature")
	}
}

func TestAzureErrorsAreOneLineAndKeepTheSecret(t *testing.T) {
	answer := func(status int, code string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, status, code)
			return true
		}
	}
	tests := map[string]struct {
		before func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		"no container": {answer(404, "ContainerNotFound"), "create the container first"},
		"no right":     {answer(403, "AuthorizationPermissionMismatch"), "the right to create and to read"},
		"expired":      {answer(403, "AuthenticationFailed"), "expired"},
		"unknown":      {answer(400, "InvalidInput"), "Azure answers 400 InvalidInput"},
		"broken line":  {func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, "EOF"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFakeAzure(t)
			f.before = tc.before
			err := azureWrite(t, azureStore(t, f, "?sig=s3cr3t%2B%2F%3D"), "{}\n")
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "x.ndjson") {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			if strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error shows too much: %v", err)
			}
		})
	}
}

func TestAzureBadURLs(t *testing.T) {
	cause := errors.New("no such customer")
	tests := map[string]struct {
		base string
		err  error
		want string
	}{
		"no answer":     {"", cause, "no such customer"},
		"no container":  {"https://a.blob.core.windows.net?sig=s3cr3t", nil, "not of the form"},
		"not a URL":     {"https://a.example/\x7f?sig=s3cr3t", nil, "not of the form"},
		"leaves":        {"https://a.blob.core.windows.net/c/a/../b?sig=s3cr3t", nil, "segments"},
		"no credential": {"https://a.blob.core.windows.net/c", nil, "neither a credential nor"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			base := func(context.Context, string) (string, error) { return tc.base, tc.err }
			store, err := jetcapture.NewAzureBlobStore(nil, base)
			if err != nil {
				t.Fatal(err)
			}
			err = azureWrite(t, store, "x")
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "key eu") {
				t.Fatalf("Write = %v, want %q and the key eu", err, tc.want)
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("Write = %v, want it without the signature", err)
			}
			if tc.err != nil && !errors.Is(err, tc.err) || tc.err == nil && !bucket.IsPermanent(err) {
				t.Errorf("wrong kind of error: %#v", err)
			}
		})
	}
	if _, err := jetcapture.NewAzureBlobStore[string](nil, nil); err == nil {
		t.Error("NewAzureBlobStore accepts no function")
	}
}
