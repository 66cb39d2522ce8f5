package storetest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/storetest"
)

// token is a credential for Azurite with --oauth basic, which checks the claims but not the signature.
type token struct{ expires time.Time }

// GetToken implements azcore.TokenCredential.
func (c token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	claims, err := json.Marshal(map[string]any{
		"aud": "https://storage.azure.com", "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
		"iat": time.Now().Add(-time.Hour).Unix(), "nbf": time.Now().Add(-time.Hour).Unix(), "exp": c.expires.Unix(),
	})
	encode := base64.RawURLEncoding.EncodeToString
	jwt := strings.Join([]string{encode([]byte(`{"alg":"RS256","typ":"JWT"}`)), encode(claims), encode([]byte("none"))},
		".")
	return azcore.AccessToken{Token: jwt, ExpiresOn: c.expires}, err
}

// oauthServer starts an Azurite with TLS, and returns the options of a client that trusts it.
func oauthServer(t *testing.T) (*storetest.Server, azcore.ClientOptions) {
	t.Helper()
	cert, key := storetest.Certificate(t)
	server := storetest.StartAzureOAuth(t, cert, key)
	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return server, azcore.ClientOptions{Transport: &http.Client{Transport: transport}}
}

// TestAzureBlobStoreOAuth: the store of v0.1.0 over TLS, with a token.
func TestAzureBlobStoreOAuth(t *testing.T) {
	t.Parallel()
	if !storetest.HasNode() {
		t.Log("there is no Node here, see TestMain")
		return
	}
	server, options := oauthServer(t)
	base := fmt.Sprintf("https://%s/devstoreaccount1/backup", server.Address)
	good := token{time.Now().Add(time.Hour)}
	client, err := container.NewClient(base, good, &container.ClientOptions{ClientOptions: options})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	store := newBlobStore(t, good, options, base)
	for name, size := range map[string]int{"empty": 0, "small": 1000, "in parts": 20 << 20} {
		t.Run(name, func(t *testing.T) {
			content := make([]byte, size)
			source := rand.NewChaCha8([32]byte{1})
			_, _ = source.Read(content) // never fails
			for range 2 {               // an existing blob with the same bytes counts as written
				at, err := store.Write(t.Context(), bytes.NewReader(content), "key", "dir", name)
				if err != nil || !strings.HasPrefix(at, base) {
					t.Fatalf("Write = %q, %v", at, err)
				}
			}
			if _, err := store.Write(t.Context(), strings.NewReader("other"), "key", "dir", name); err == nil {
				t.Error("other bytes under the same name were taken for written")
			}
			got, err := client.NewBlobClient("key/dir/"+name).DownloadStream(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(got.Body)
			if err := errors.Join(err, got.Body.Close()); err != nil || !bytes.Equal(data, content) {
				t.Errorf("%d bytes are there, %v, want %d", len(data), err, size)
			}
		})
	}
	t.Run("expired token", func(t *testing.T) {
		late := newBlobStore(t, token{time.Now().Add(-time.Minute)}, options, base)
		_, err := late.Write(t.Context(), strings.NewReader("x"), "key", "dir", "late")
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("Write = %v, want one line", err)
		}
	})
}

func newBlobStore(
	t *testing.T, credential azcore.TokenCredential, options azcore.ClientOptions, base string,
) *jetcapture.AzureBlobStore[string] {
	t.Helper()
	store, err := jetcapture.NewAzureBlobStore(credential, func(_ context.Context, key string) (string, error) {
		return base + "/" + filepath.Base(key), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	store.ClientOptions = options
	return store
}
