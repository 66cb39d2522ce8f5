package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/cloud"
)

// reply is what a store answers, in its own form.
type reply struct {
	status        int
	code, message string
}

// write answers as a kind of store does. The answer to HEAD has no body.
func (a reply) write(kind string, w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // so that the connection can go on
	var body string
	switch kind {
	case "s3":
		w.Header().Set("Content-Type", "application/xml")
		body = fmt.Sprintf("<Error><Code>%s</Code><Message>%s</Message></Error>", a.code, a.message)
	case "gs":
		w.Header().Set("Content-Type", "application/json")
		body = fmt.Sprintf(`{"error":{"code":%d,"message":%q,"errors":[{"reason":%q,"message":%q}]}}`, a.status, a.message,
			a.code, a.message)
	default:
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("X-Ms-Error-Code", a.code)
		body = fmt.Sprintf("<Error><Code>%s</Code><Message>%s</Message></Error>", a.code, a.message)
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		fmt.Fprint(w, body)
	}
}

// openAzureSigned opens a container whose store is a handler with a shared access signature.
func openAzureSigned(t *testing.T, signature string, handler http.HandlerFunc) cloud.Bucket {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	setEnvironment(t, map[string]string{
		"AZURE_STORAGE_ACCOUNT": "account", "AZURE_STORAGE_SAS_TOKEN": signature, "AZURE_STORAGE_PROTOCOL": "http",
		"AZURE_STORAGE_DOMAIN": strings.TrimPrefix(server.URL, "http://"), "AZURE_STORAGE_IS_LOCAL_EMULATOR": "true",
	})
	b, err := cloud.Open(t.Context(), "azblob://backup", cloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// openAt opens a bucket of a kind whose store is a handler.
func openAt(t *testing.T, kind string, handler http.HandlerFunc) cloud.Bucket {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	setEnvironment(t, map[string]string{
		"STORAGE_EMULATOR_HOST": host, "AZURE_STORAGE_ACCOUNT": "account", "AZURE_STORAGE_KEY": "Y2FuYXJ5",
	})
	address := map[string]string{
		"s3": "s3://backup?use_path_style=true&endpoint=" + url.QueryEscape(server.URL), "gs": "gs://backup",
		"azblob": "azblob://backup?protocol=http&localemu=true&domain=" + host,
	}[kind]
	b, err := cloud.Open(t.Context(), address, cloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() }) // nothing is open in it
	return b
}

func calls(b bucket.Bucket) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"put": func(ctx context.Context) error {
			return b.PutNew(ctx, "name", strings.NewReader("x"), bucket.PutOptions{Size: 1})
		},
		"open": func(ctx context.Context) error {
			r, err := b.Open(ctx, "name", 0, -1)
			if err == nil {
				err = r.Close()
			}
			return err
		},
		"stat": func(ctx context.Context) error {
			_, err := b.Stat(ctx, "name")
			return err
		},
		"list": func(ctx context.Context) error {
			for _, err := range b.List(ctx, "", "") {
				return err
			}
			return nil
		},
	}
}

// TestAnswers: what each store says, what it means to the caller, and that one line says to the operator what to do.
func TestAnswers(t *testing.T) {
	const permanent, passes = "permanent", "passes"
	for _, test := range []struct {
		kind  string
		call  string
		reply reply
		means string // permanent, passes, exists or missing
		says  string
	}{
		{"s3", "put", reply{404, "NoSuchBucket", "The specified bucket does not exist"}, permanent, "create the bucket"},
		{"s3", "list", reply{404, "NoSuchBucket", "The specified bucket does not exist"}, permanent, "create the bucket"},
		{"s3", "open", reply{404, "NoSuchBucket", "The specified bucket does not exist"}, permanent, "create the bucket"},
		{"s3", "put", reply{403, "AccessDenied", "Access Denied"}, permanent, "allow s3:PutObject"},
		{"s3", "stat", reply{403, "", ""}, permanent, "allow s3:PutObject"},
		{
			"s3", "list",
			reply{403, "AllAccessDisabled", "All access to this object has been disabled"},
			permanent,
			"allow s3:PutObject",
		},
		{"s3", "put", reply{400, "ExpiredToken", "The provided token has expired."}, permanent, "renew the credentials"},
		{"s3", "put", reply{403, "InvalidAccessKeyId", "unknown key"}, permanent, "correct the access key"},
		{"s3", "put", reply{403, "SignatureDoesNotMatch", "wrong secret"}, permanent, "correct the access key"},
		{"s3", "put", reply{403, "RequestTimeTooSkewed", "The difference is too large."}, permanent, "set the clock"},
		{"s3", "put", reply{301, "PermanentRedirect", "use the right endpoint"}, permanent, "another region"},
		{
			"s3", "put",
			reply{400, "AuthorizationHeaderMalformed", "the region 'x' is wrong; expecting 'y'"},
			permanent,
			"another region",
		},
		{"s3", "put", reply{400, "KeyTooLongError", "Your key is too long"}, permanent, "shorten"},
		{"s3", "stat", reply{400, "", ""}, permanent, "check the endpoint"},
		{
			"s3", "put",
			reply{501, "NotImplemented", "A header you provided implies functionality that is not implemented"},
			permanent, "If-None-Match",
		},
		{"s3", "put", reply{412, "PreconditionFailed", "At least one of the preconditions did not hold"}, "exists", ""},
		{"s3", "put", reply{409, "ConditionalRequestConflict", "try again"}, passes, "nothing is decided"},
		{"s3", "put", reply{400, "BadDigest", "The CRC32C did not match"}, passes, "damaged"},
		{"s3", "put", reply{503, "SlowDown", "Reduce your request rate."}, passes, "503 SlowDown"},
		{"s3", "put", reply{404, "NoSuchKey", "a put has no answer of that kind"}, passes, ""},
		{"s3", "open", reply{404, "NoSuchKey", "The specified key does not exist."}, "missing", ""},
		{"s3", "stat", reply{404, "", ""}, "missing", ""},

		{"gs", "put", reply{404, "notFound", "The specified bucket does not exist."}, permanent, "create"},
		{"gs", "list", reply{404, "notFound", "The specified bucket does not exist."}, permanent, "create"},
		{
			"gs", "put",
			reply{403, "forbidden", "does not have storage.objects.create access"},
			permanent,
			"roles/storage.objectCreator",
		},
		{"gs", "put", reply{401, "authError", "Invalid Credentials"}, permanent, "renew the credentials"},
		{"gs", "put", reply{403, "", ""}, permanent, "check the credentials"},
		{"gs", "put", reply{403, "accountDisabled", "The account has been disabled."}, permanent, "billing"},
		{
			"gs", "put",
			reply{412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold."},
			"exists", "",
		},
		{"gs", "stat", reply{404, "notFound", "No such object: backup/name"}, "missing", ""},

		{
			"azblob", "put",
			reply{404, "ContainerNotFound", "The specified container does not exist."},
			permanent,
			"create the container",
		},
		{
			"azblob", "list",
			reply{404, "ContainerNotFound", "The specified container does not exist."},
			permanent,
			"create the container",
		},
		{
			"azblob", "put",
			reply{403, "AuthorizationPermissionMismatch", "not with this permission"},
			permanent,
			"the right to create, read and list",
		},
		{
			"azblob", "put",
			reply{403, "AuthenticationFailed", "Make sure the value is correct"},
			permanent,
			"have expired, and this machine's clock",
		},
		{
			"azblob", "put",
			reply{400, "InvalidResourceName", "The specified resource name contains invalid characters."},
			permanent, "correct the name",
		},
		{
			"azblob", "put",
			reply{403, "AccountIsDisabled", "The specified account is disabled."},
			permanent,
			"enable the storage account",
		},
		{"azblob", "put", reply{409, "BlobAlreadyExists", "The specified blob already exists."}, "exists", ""},
		{"azblob", "put", reply{412, "ConditionNotMet", "The condition was not met."}, "exists", ""},
		{
			"azblob", "put",
			reply{400, "InvalidBlockList", "The specified block list is invalid."},
			passes,
			"another writer was faster",
		},
		{"azblob", "put", reply{409, "ContainerBeingDeleted", "The specified container is being deleted."}, passes, ""},
		{"azblob", "stat", reply{404, "BlobNotFound", ""}, "missing", ""},
	} {
		t.Run(test.kind+" "+test.call+" "+test.reply.code, func(t *testing.T) {
			b := openAt(t, test.kind, func(w http.ResponseWriter, r *http.Request) {
				if test.call == "put" && (r.Method == http.MethodHead || r.Method == http.MethodGet) { // whether it is there
					reply{status: 404, code: "NotFound"}.write(test.kind, w, r)
					return
				}
				test.reply.write(test.kind, w, r)
			})
			err := calls(b)[test.call](t.Context())
			got := map[string]bool{
				"exists": errors.Is(err, bucket.ErrExists), "missing": errors.Is(err, bucket.ErrNotExist),
				permanent: errors.Is(err, bucket.ErrPermanent), passes: err != nil && !bucket.IsPermanent(err),
			}
			for what, is := range got {
				if is != (what == test.means) {
					t.Errorf("%s = %v, is it %s? %t, want %s only", test.call, err, what, is, test.means)
				}
			}
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s = %q, want one line with %q", test.call, err, test.says)
			}
		})
	}
}

// TestDeniedPutOverAnObject: without the right to overwrite, stores deny a put where a name is taken.
func TestDeniedPutOverAnObject(t *testing.T) {
	b := openAt(t, "s3", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusOK)
			return
		}
		reply{403, "AccessDenied", "Access Denied"}.write("s3", w, r)
	})
	if err := calls(b)["put"](t.Context()); !errors.Is(err, bucket.ErrExists) {
		t.Errorf("PutNew = %v, want ErrExists", err)
	}
}

// TestWrongBytesStored: a store that confirms other bytes than were sent is not believed.
func TestWrongBytesStored(t *testing.T) {
	b := openAt(t, "s3", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Amz-Checksum-Crc32c", "AAAAAA==")
	})
	if err := calls(b)["put"](t.Context()); !errors.Is(err, bucket.ErrPermanent) ||
		!strings.Contains(err.Error(), "do not trust this store") {
		t.Errorf("PutNew = %v, want that the store is not to be trusted", err)
	}
}

// TestNoCredentials: nothing is found, and the line says where to put them.
func TestNoCredentials(t *testing.T) {
	for _, test := range []struct {
		url string
		env map[string]string
	}{
		{
			"s3://backup?region=x&endpoint=http://127.0.0.1:1",
			map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
		},
		{"gs://backup", map[string]string{
			"STORAGE_EMULATOR_HOST": "", "HOME": "/nonexistent", "GOOGLE_APPLICATION_CREDENTIALS": "/nonexistent/key.json",
		}},
	} {
		t.Run(test.url, func(t *testing.T) {
			setEnvironment(t, test.env)
			b, err := cloud.Open(t.Context(), test.url, cloud.Options{})
			if err == nil {
				err = calls(b)["put"](t.Context())
			}
			if !errors.Is(err, bucket.ErrPermanent) || !strings.Contains(err.Error(), "credentials") ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one line on credentials, permanent", err)
			}
		})
	}
}

// TestWrongScheme: http instead of https, the reverse, and a certificate of an unknown authority.
func TestWrongScheme(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	plain, secure := httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	defer plain.Close()
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // handshakes fail
	secure.StartTLS()
	defer secure.Close()
	setEnvironment(t, nil)
	var endpoints sync.WaitGroup // the SDK takes its time with each
	for endpoint, want := range map[string]string{
		strings.Replace(plain.URL, "http:", "https:", 1):  "begin its URL with http://",
		strings.Replace(secure.URL, "https:", "http:", 1): "check the endpoint, with http:// or https://",
		secure.URL: "make its authority known",
	} {
		endpoints.Go(func() {
			b, err := cloud.Open(t.Context(), "s3://backup?use_path_style=true&endpoint="+url.QueryEscape(endpoint),
				cloud.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			err = calls(b)["put"](t.Context())
			if !errors.Is(err, bucket.ErrPermanent) || !strings.Contains(err.Error(), want) ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v, want one line with %q, permanent", endpoint, err, want)
			}
		})
	}
	endpoints.Wait()
}
