package storetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

const (
	azuriteVersion = "3.35.0"

	// The one account of every Azurite, as its documentation gives it.
	azureAccount = "devstoreaccount1"
	azureKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// HasNode reports whether Azurite can run here.
func HasNode() bool {
	_, nodeErr := exec.LookPath("node")
	_, npmErr := exec.LookPath("npm")
	return nodeErr == nil && npmErr == nil
}

// installAzurite installs Azurite from npm into the user's cache and returns the path of its script. An interrupted
// installation has no mark and is repeated.
func installAzurite(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "jetcapture-storetest", "azurite-"+azuriteVersion)
	script, mark := filepath.Join(dir, "node_modules", ".bin", "azurite-blob"), filepath.Join(dir, "complete")
	if _, err := os.Stat(mark); err == nil {
		return script, nil
	}
	out, err := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--prefix", dir,
		"azurite@"+azuriteVersion).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("install azurite: %w\n%s", err, out)
	}
	return script, os.WriteFile(mark, nil, 0o600)
}

func (s *Server) startAzurite(tb testing.TB, more ...string) {
	tb.Helper()
	script, err := installedAzurite.get(tb.Context(), installAzurite)
	if err != nil {
		tb.Fatal(err)
	}
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		tb.Fatal(err)
	}
	args := append([]string{
		"--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location", s.Dir, "--blobHost", host, "--blobPort",
		port,
	}, more...)
	s.run(tb, exec.CommandContext(tb.Context(), script, args...), "successfully listens")
}

// Container returns a client that may do everything.
func (s *Server) Container(name string) (*container.Client, error) {
	connection := fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;BlobEndpoint=http://%s/%s;",
		azureAccount, azureKey, s.Address, azureAccount)
	return container.NewClientFromConnectionString(connection, name, nil)
}

func (s *Server) makeContainer(ctx context.Context, name string) error {
	client, err := s.Container(name)
	if err == nil {
		_, err = client.Create(ctx, nil)
	}
	return err
}

// StartAzureOAuth starts an Azurite with TLS that accepts tokens with valid claims, without checking their signature.
func StartAzureOAuth(tb testing.TB, cert, key string) *Server {
	tb.Helper()
	s := &Server{Kind: Azure, Address: freeAddress(tb), Dir: tb.TempDir()}
	s.startAzurite(tb, "--oauth", "basic", "--cert", cert, "--key", key)
	tb.Cleanup(s.stop)
	return s
}
