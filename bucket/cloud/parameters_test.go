package cloud_test

import (
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket/cloud"
)

func TestParametersThatAreNotKnown(t *testing.T) {
	for address, want := range map[string]string{
		"s3://b?regoin=eu-central-1":              `"regoin" is not known for s3://; known are `,
		"s3://b?storage_account=a":                `"storage_account" is not known for s3://`,
		"gs://b?region=x":                         `"region" is not known for gs://`,
		"azblob://b?endpoint=x":                   `"endpoint" is not known for azblob://`,
		"azblob://b?sv=2024-01-01&sig=secret%2Fx": `"sig" is not known for azblob://`,
		"s3://b?AKIA7EXAMPLE1234/secret":          "one of its names is not known",
		"s3://b?part_size=1MiB":                   "part_size is 1048576 bytes, at least 5242880 are needed",
		"s3://b?concurrency=0x":                   "concurrency: ",
		"s3://b?endpoint=127.0.0.1:9000":          "endpoint: write it with http:// or https://",
	} {
		err := cloud.CheckURL(address)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	for _, address := range []string{
		"s3://b/p?region=eu-central-1&endpoint=https://s3.example.com&use_path_style=true&part_size=16MiB&tag=a:b",
		"gs://b?anonymous=true&storage_class=NEARLINE", "azblob://c?storage_account=a&domain=x.example",
	} {
		if err := cloud.CheckURL(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
