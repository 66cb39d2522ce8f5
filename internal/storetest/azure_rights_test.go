package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/storetest"
)

// rightsChild puts objects with the rights of its environment.
func rightsChild(url string) error {
	if err := os.Unsetenv("AZURE_STORAGE_KEY"); err != nil { // it would take precedence
		return err
	}
	ctx := context.Background()
	large := bytes.Repeat([]byte("x"), 9<<20)
	for _, test := range []struct {
		name     string
		content  []byte
		partSize int64
		want     error
	}{
		{"small", []byte("first"), 0, nil},
		{"small", []byte("second"), 0, bucket.ErrExists},
		{"large/whole", large, 16 << 20, nil},
		{"large/whole", large, 16 << 20, bucket.ErrExists},
		{"large/in parts", large, 0, bucket.ErrPermanent}, // staged blocks need the right to write
	} {
		b, err := cloud.Open(ctx, url, cloud.Options{PartSize: test.partSize})
		if err != nil {
			return err
		}
		err = b.PutNew(ctx, test.name, bytes.NewReader(test.content), bucket.PutOptions{Size: int64(len(test.content))})
		if !errors.Is(err, test.want) {
			return fmt.Errorf("put %s with parts of %d: got %s, want %s",
				test.name, test.partSize, fmt.Sprint(err), fmt.Sprint(test.want))
		}
		got, err := readAll(ctx, b, test.name)
		if test.want == nil && !bytes.Equal(got, test.content) {
			return fmt.Errorf("read %s: %d bytes, %w", test.name, len(got), err)
		}
		if err := b.Close(); err != nil {
			return err
		}
	}
	return nil
}

// TestAzureCreateOnlySignature: the least rights in docs/STORES.md are enough for objects that are put by one request.
func TestAzureCreateOnlySignature(t *testing.T) {
	if !storetest.HasNode() {
		t.Log("there is no Node here, see TestMain")
		return
	}
	t.Parallel()
	server := storetest.Start(t, storetest.Azure)
	container := strings.TrimPrefix(server.NewBucket(t), "azblob://")
	container, _, _ = strings.Cut(container, "?")
	client, err := server.Container(container)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := client.GetSASURL(sas.ContainerPermissions{Create: true, Read: true, List: true},
		time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, signature, _ := strings.Cut(signed, "?")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=rights", urlEnv+"=azblob://"+container, "AZURE_STORAGE_SAS_TOKEN="+signature,
		"AZURE_STORAGE_DOMAIN="+server.Address, "AZURE_STORAGE_PROTOCOL=http", "AZURE_STORAGE_IS_LOCAL_EMULATOR=true")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), signature) {
		t.Error("the signature is printed")
	}
}
