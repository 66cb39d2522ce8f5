package cloud

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob/azureblob"
)

// azureConnections is how many idle connections to an account are kept. Each running upload uses one.
const azureConnections = 64

func openAzure(ctx context.Context, u *url.URL, opts Options) (driver, error) {
	query := u.Query()
	s := &azureStore{opts: opts}
	if scope := query.Get("encryption_scope"); scope != "" {
		s.scope = &blob.CPKScopeInfo{EncryptionScope: &scope}
	}
	query.Del("encryption_scope")
	u.RawQuery = query.Encode()
	service := azureblob.NewDefaultServiceURLOptions()
	service.SASToken = strings.TrimPrefix(service.SASToken, "?") // as the portal shows it
	if err := checkSignature(*service, query); err != nil {
		return nil, err
	}
	if service.AccountName == "" && query.Get("storage_account") == "" {
		return nil, errors.New("the storage account is unknown: give it as in " +
			"?storage_account=NAME, or by AZURE_STORAGE_ACCOUNT")
	}
	opener := azureblob.URLOpener{MakeClient: newAzureClient(opts), ServiceURLOptions: *service}
	b, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	if !b.As(&s.container) {
		return nil, errors.New("gocloud.dev yields no Azure client")
	}
	return s, nil
}

// checkSignature refuses URL parameters that could send a shared access signature to another place than the environment
// says.
func checkSignature(service azureblob.ServiceURLOptions, query url.Values) error {
	if service.SASToken == "" {
		return nil
	}
	for _, name := range []string{"domain", "protocol", "cdn", "localemu", "storage_account"} {
		if query.Has(name) {
			return errors.New("with AZURE_STORAGE_SAS_TOKEN set, " + name +
				" cannot be given in the URL, only by the environment: the signature could go elsewhere")
		}
	}
	return nil
}

// newAzureClient makes clients with our timeouts. Credentials are those of gocloud.dev's default, in the same order: an
// account key, a shared access signature, a connection string, or what azidentity.DefaultAzureCredential finds.
func newAzureClient(opts Options) func(azureblob.ServiceURL, azureblob.ContainerName) (*container.Client, error) {
	return func(service azureblob.ServiceURL, name azureblob.ContainerName) (*container.Client, error) {
		address, err := url.JoinPath(string(service), string(name))
		if err != nil {
			return nil, errors.New("the parameters do not make a URL of a container") // the text of err could hold a signature
		}
		o := &container.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: newAzureTransport(opts)}}
		account, key := os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_KEY")
		connection := firstOf(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), os.Getenv("AZURE_STORAGEBLOB_CONNECTIONSTRING"))
		switch {
		case account != "" && key != "":
			credential, err := azblob.NewSharedKeyCredential(account, key)
			if err != nil {
				return nil, errors.New("AZURE_STORAGE_KEY is not a key: it must be base64")
			}
			return container.NewClientWithSharedKeyCredential(address, credential, o)
		case os.Getenv("AZURE_STORAGE_SAS_TOKEN") != "":
			return container.NewClientWithNoCredential(address, o)
		case connection != "":
			client, err := container.NewClientFromConnectionString(connection, string(name), o)
			if err != nil {
				return nil, errors.New("AZURE_STORAGE_CONNECTION_STRING is malformed")
			}
			return client, nil
		}
		credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: azcore.ClientOptions{Transport: newAzureTransport(opts)},
		})
		if err != nil {
			return nil, err
		}
		return container.NewClient(address, credential, o)
	}
}

func newAzureTransport(opts Options) *stallGuard {
	transport := http.DefaultTransport
	if shared, ok := transport.(*http.Transport); ok {
		own := shared.Clone()
		own.MaxIdleConnsPerHost = azureConnections
		own.DisableCompression = true // blobs are read as stored
		transport = own
	}
	client := &http.Client{Transport: transport}
	return &stallGuard{limit: opts.Timeout, do: client.Do}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
