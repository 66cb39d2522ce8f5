package storetest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/storetest"
)

// checkRclone prints a line if the test with rclone is left out. In CI that is a failure.
func checkRclone() error {
	if storetest.HasRclone() || os.Getenv(childEnv) != "" {
		return nil
	}
	const left = "there is no rclone here: the test that reads an archive with it is left out"
	if os.Getenv("CI") == "true" {
		return errors.New(left + ", which must not be in CI: install rclone")
	}
	fmt.Fprintln(os.Stderr, left)
	return nil
}

// buildCommand builds the jetcapture command.
func buildCommand(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "jetcapture")
	cmd := exec.CommandContext(tb.Context(), "go", "build", "-o", path, "./cmd/jetcapture")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build the command: %v\n%s", err, out)
	}
	return path
}

// TestRcloneReadsTheArchive: a client that is not ours gets from S3 what the command has stored there: the same names,
// the same bytes, the content type and the metadata, and in the files each message once.
func TestRcloneReadsTheArchive(t *testing.T) {
	if !storetest.HasRclone() {
		t.Log("there is no rclone here, see TestMain")
		return
	}
	t.Parallel()
	server := storetest.Start(t, storetest.S3)
	at, parameters, _ := strings.Cut(server.NewBucket(t), "?")
	place := at + "/archive?" + parameters
	s := newSource(t)
	s.publish(3000, 7)
	capture := crashtest.Start(t, buildCommand(t), nil,
		"run", "--once", "-s", stream, "-o", place, "--nats-server", s.url, "--key", "token=subject[2]", "--max-messages",
		"100")
	if code := capture.Wait(); code != 0 {
		t.Fatalf("the command ended with code %d", code)
	}

	remote := fmt.Sprintf(":s3,provider=Other,endpoint='http://%s',access_key_id=%s,secret_access_key=%s:%s/archive",
		server.Address, os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), strings.TrimPrefix(at, "s3://"))
	folder := t.TempDir()
	rclone(t, "copy", remote, folder)
	files := compareWithCopy(t, place, folder)
	crashtest.ExactlyOnce(t, crashtest.ReadArchive(t, folder, stream), s.held)
	compareAttributes(t, rclone(t, "lsjson", "-R", "--files-only", "--metadata", remote), files)
	t.Logf("%d messages in %d objects", len(s.held), len(files))
}

func rclone(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "rclone", append(args, "--config", os.DevNull)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()} // none of this machine's settings for AWS
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("rclone %s: %v\n%s", args[0], err, failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// compareWithCopy compares what we list and read with the files of a folder, and returns the names.
func compareWithCopy(t *testing.T, url, folder string) (names []string) {
	t.Helper()
	b := storetest.Open(t, url, cloud.Options{})
	for info, err := range b.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		ours, err := readAll(t.Context(), b, info.Name)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(info.Name)))
		if err != nil || sumOf(theirs) != sumOf(ours) {
			t.Errorf("%s: rclone read %d bytes with SHA-256 %s, %v, we read %d bytes with %s",
				info.Name, len(theirs), sumOf(theirs), err, len(ours), sumOf(ours))
		}
		names = append(names, info.Name)
	}
	if copied := filesBelow(t, folder); len(copied) != len(names) || len(names) == 0 {
		t.Errorf("rclone copied %d files, we list %d objects", len(copied), len(names))
	}
	return names
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// filesBelow returns the paths of all files of a folder.
func filesBelow(t *testing.T, folder string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// compareAttributes checks what rclone says about the objects besides their bytes.
func compareAttributes(t *testing.T, listing []byte, names []string) {
	t.Helper()
	var objects []struct {
		Path     string
		MimeType string
		Metadata map[string]string
	}
	if err := json.Unmarshal(listing, &objects); err != nil {
		t.Fatal(err)
	}
	if len(objects) != len(names) {
		t.Errorf("rclone lists %d objects, we list %d", len(objects), len(names))
	}
	for _, o := range objects {
		if strings.HasPrefix(o.Path, "_jetcapture/") {
			continue
		}
		if o.MimeType != "application/gzip" || o.Metadata["stream"] != stream || o.Metadata["rows"] == "" ||
			o.Metadata["first-seq"] == "" {
			t.Errorf("rclone sees %s with type %s and metadata %v", o.Path, o.MimeType, o.Metadata)
		}
	}
}
