package cloud_test

import (
	"context"
	"maps"
	"os/exec"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/cloud"
)

// setEnvironment makes credentials and places known that nothing is asked for, whatever this machine has.
func setEnvironment(t *testing.T, variables map[string]string) {
	t.Helper()
	all := map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "canary-secret", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_PROFILE": "",
		"AWS_EC2_METADATA_DISABLED": "true",
		"STORAGE_EMULATOR_HOST":     "127.0.0.1:1", "AZURE_STORAGE_ACCOUNT": "", "AZURE_STORAGE_KEY": "",
		"AZURE_STORAGE_SAS_TOKEN":         "",
		"AZURE_STORAGE_CONNECTION_STRING": "", "AZURE_STORAGE_DOMAIN": "",
	}
	maps.Copy(all, variables)
	for name, value := range all {
		t.Setenv(name, value)
	}
}

func TestOpen(t *testing.T) {
	azure := map[string]string{"AZURE_STORAGE_ACCOUNT": "account", "AZURE_STORAGE_KEY": "Y2FuYXJ5"}
	for _, test := range []struct {
		url, name string
		env       map[string]string
	}{
		{"s3://backup/a/b?region=eu-central-1", "s3://backup/a/b", nil},
		{
			"s3://backup/a/b/?region=eu-central-1&ssetype=aws:kms&kmskeyid=x&storage_class=STANDARD_IA&tag=team:x",
			"s3://backup/a/b", nil,
		},
		{"s3://backup?endpoint=http://127.0.0.1:1&use_path_style=true", "s3://backup", nil},
		{"s3://backup", "s3://backup", map[string]string{"AWS_REGION": "eu-central-1"}},
		{"s3://backup?region=x&part_size=16MiB&concurrency=2&upload_memory=64MiB&timeout=2m", "s3://backup", nil},
		{"gs://backup/a", "gs://backup/a", nil},
		{"gs://backup/a?kms_key_name=projects/p/locations/l/keyRings/r/cryptoKeys/k&anonymous=true", "gs://backup/a", nil},
		{"azblob://backup/a?encryption_scope=s", "azblob://backup/a", azure},
		{"azblob://backup/a?storage_account=other", "azblob://backup/a", azure},
	} {
		t.Run(test.url, func(t *testing.T) {
			setEnvironment(t, test.env)
			b, err := cloud.Open(t.Context(), test.url, cloud.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != test.name {
				t.Errorf("String() = %q, want %q", b.String(), test.name)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOpenFile(t *testing.T) {
	root := t.TempDir()
	b, err := cloud.Open(t.Context(), "file://"+root, cloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.PutNew(t.Context(), "a", strings.NewReader("x"), bucket.PutOptions{Size: 1}); err != nil {
		t.Error(err)
	}
}

// TestOpenRefuses: one line, what to do, no secret, and no use in trying again.
func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		url, want string
		env       map[string]string
	}{
		{"backup", "unknown kind of store", nil},
		{"ftp://backup", "unknown kind of store", nil},
		{"s3://?region=x", "name of the bucket is missing", nil},
		{"s3://backup", "region is unknown", nil},
		{"s3://key:canary-secret@backup?region=x", "give credentials by the environment", nil},
		{"s3://backup?region=x&canary=1", `"canary" is not known for s3://`, nil},
		{"s3://backup?region=x&part_size=1MiB", "part_size", nil},
		{"s3://backup?region=x&part_size=many", "is not a size", nil},
		{"s3://backup?region=x&concurrency=0x", "concurrency", nil},
		{"s3://backup?region=x&concurrency=-1", "concurrency", nil},
		{"s3://backup?region=x&upload_memory=8MiB", "upload_memory", nil},
		{"s3://backup?region=x&timeout=soon", "timeout", nil},
		{"s3://backup?region=x&timeout=-1s", "timeout", nil},
		{"s3://backup?region=x&tag=team", "is not a tag", nil},
		{"s3://backup?region=x&use_path_style=perhaps", "use_path_style", nil},
		{"s3://backup?region=x&ssetype=rot13", "ssetype", nil},
		{"s3://backup/a/../b?region=x", "path of the URL", nil},
		{"s3://backup/" + strings.Repeat("x", 130) + "?region=x", "path of the URL", nil},
		{"s3://backup/a?region=x#b", "%23", nil},
		{"s3://backup?%zz", "malformed", nil},
		{"s3://back up\x7f", "not a URL", nil},
		{"gs://backup?tag=a:b", "no tags", nil},
		{"gs://backup?region=x", `"region" is not known for gs://`, nil},
		{"azblob://backup", "storage account is unknown", nil},
		{"azblob://backup?region=x", "region", map[string]string{"AZURE_STORAGE_ACCOUNT": "a"}},
		{
			"azblob://backup", "must be base64",
			map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": "canary-secret!"},
		},
		{
			"azblob://backup?domain=example.com", "the signature could go elsewhere",
			map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_SAS_TOKEN": "sig=canary-secret"},
		},
		{
			"azblob://backup", "malformed",
			map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_CONNECTION_STRING": "canary-secret"},
		},
		{"file://host/path", "not a directory of this machine", nil},
		{"file:///path?x=y", "not a directory of this machine", nil},
		{"file://", "not a directory of this machine", nil},
	} {
		t.Run(test.url, func(t *testing.T) {
			setEnvironment(t, test.env)
			b, err := cloud.Open(t.Context(), test.url, cloud.Options{})
			if err == nil {
				t.Fatalf("Open = %v, want an error", b)
			}
			if !strings.Contains(err.Error(), test.want) || !bucket.IsPermanent(err) ||
				strings.ContainsAny(err.Error(), "\n\x7f") {
				t.Errorf("Open = %q, permanent %t, want one line with %q", err, bucket.IsPermanent(err), test.want)
			}
			if strings.Contains(err.Error(), "canary-secret") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// TestCheckURL: what Open finds without credentials, it finds as well, and nothing of a sound URL.
func TestCheckURL(t *testing.T) {
	for url, want := range map[string]string{
		"s3://backup":                           "",
		"s3://backup/a?region=x&part_size=8MiB": "",
		"gs://backup":                           "",
		"azblob://backup":                       "",
		"ftp://backup":                          "unknown kind of store",
		"s3://":                                 "name of the bucket is missing",
		"s3://k:canary@backup":                  "give credentials by the environment",
		"s3://backup?part_size=many":            "is not a size",
		"s3://backup/a/../b":                    "path of the URL",
		"s3://back up\x7f":                      "not a URL",
	} {
		err := cloud.CheckURL(url)
		if (err == nil) != (want == "") ||
			err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("CheckURL(%q) = %v, want %q", url, err, want)
		}
	}
}

func TestOptionsCopyTags(t *testing.T) {
	setEnvironment(t, nil)
	tags := map[string]string{"a": "1"}
	b, err := cloud.Open(t.Context(), "s3://backup?region=x&tag=b:2", cloud.Options{Tags: tags})
	if err != nil || len(tags) != 1 {
		t.Errorf("Open = %v, %v; the caller's tags are %v, want one", b, err, tags)
	}
}

// TestLibraryUsersDoNotBuildIt: users without an object store must not pay for the SDKs.
func TestLibraryUsersDoNotBuildIt(t *testing.T) {
	out, err := exec.CommandContext(context.Background(), "go", "list", "-deps",
		"github.com/jetcapture/jetcapture").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for path := range strings.Lines(string(out)) {
		seen++
		for _, sdk := range []string{
			"github.com/aws/", "cloud.google.com/", "google.golang.org/", "gocloud.dev", "sdk/azidentity", "bucket/cloud",
		} {
			if strings.Contains(path, sdk) {
				t.Errorf("the library imports %s", strings.TrimSpace(path))
			}
		}
	}
	if seen < 50 {
		t.Errorf("go list names %d packages, want all", seen)
	}
}
