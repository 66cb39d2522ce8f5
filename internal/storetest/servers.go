package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket/cloud"
)

const (
	// ready is how long a server may take to accept requests on a busy machine.
	ready = 60 * time.Second
)

// Environment is what clients of the servers need in their environment. It holds no secrets, since the servers are for
// tests.
func Environment() map[string]string {
	return map[string]string{
		"AWS_ACCESS_KEY_ID": "storetest", "AWS_SECRET_ACCESS_KEY": "storetest-secret", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AZURE_STORAGE_ACCOUNT": azureAccount, "AZURE_STORAGE_KEY": azureKey,
	}
}

// SetEnvironment sets Environment for this process.
func SetEnvironment() error {
	var errs []error
	for name, value := range Environment() {
		errs = append(errs, os.Setenv(name, value))
	}
	return errors.Join(errs...)
}

// Kind is a kind of store, by the scheme of its URLs.
type Kind string

// The kinds.
const (
	S3    Kind = "s3"
	GCS   Kind = "gs"
	Azure Kind = "azblob"
)

// Server is a running server of a store.
type Server struct {
	Kind    Kind
	Address string // host and port
	Dir     string // directory of its data; an S3 object is a file there
	stop    func()
}

// Start starts a server, which ends with the test.
func Start(tb testing.TB, kind Kind) *Server {
	tb.Helper()
	return start(tb, kind, freeAddress(tb), "")
}

// StartBehind starts a server that is reached through a proxy.
func StartBehind(tb testing.TB, kind Kind, configure func(*Proxy)) (*Server, *Proxy) {
	tb.Helper()
	target := freeAddress(tb)
	p := NewProxy(tb, target)
	configure(p)
	return start(tb, kind, target, p.Address), p
}

func start(tb testing.TB, kind Kind, address, public string) *Server {
	tb.Helper()
	s := &Server{Kind: kind, Address: address, Dir: tb.TempDir()}
	if kind == Azure {
		s.startAzurite(tb)
	} else {
		s.startBuilt(tb, public)
	}
	tb.Cleanup(s.stop)
	return s
}

// freeAddress returns an address that is not in use at the moment.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// lazyPath is the path of a program that is built or installed once in the life of the process.
type lazyPath struct {
	once sync.Once
	path string
	err  error
}

func (p *lazyPath) get(ctx context.Context, install func(context.Context) (string, error)) (string, error) {
	p.once.Do(func() { p.path, p.err = install(ctx) })
	return p.path, p.err
}

var builtServer, installedAzurite lazyPath //nolint:gochecknoglobals // for all tests of the process

// HasRclone reports whether rclone is installed.
func HasRclone() bool {
	_, err := exec.LookPath("rclone")
	return err == nil
}

// Program builds the servers and returns the path of their program, which the build cache keeps.
func Program(ctx context.Context) (string, error) { return builtServer.get(ctx, buildServer) }

func buildServer(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "tool", "-n",
		"github.com/jetcapture/jetcapture/internal/storetest/server").Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("build the servers: %w\n%s", err, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

func (s *Server) startBuilt(tb testing.TB, public string) {
	tb.Helper()
	path, err := Program(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	args := []string{string(s.Kind), s.Address}
	if s.Kind == S3 {
		args = append(args, s.Dir)
	}
	cmd := exec.CommandContext(tb.Context(), path, args...)
	cmd.Env = append(os.Environ(), "STORETEST_PUBLIC_HOST="+public)
	s.run(tb, cmd, "http://")
}

// run starts a server and waits until it prints a line that contains certain words.
func (s *Server) run(tb testing.TB, cmd *exec.Cmd, words string) {
	tb.Helper()
	stdin, err := cmd.StdinPipe() // its end ends our servers, even if this process is killed
	if err != nil {
		tb.Fatal(err)
	}
	log, out := new(tailLog), &lineReader{words: words, found: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(log, out), log
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start a server of %s: %v", s.Kind, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it was killed
	}()
	s.stop = func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill() // it may have ended
		<-ended
		if tb.Failed() {
			tb.Logf("server of %s:\n%s", s.Kind, log)
		}
	}
	select {
	case <-out.found:
	case <-ended:
		tb.Fatalf("the server of %s has ended:\n%s", s.Kind, log)
	case <-time.After(ready):
		s.stop()
		tb.Fatalf("the server of %s is not ready after %v:\n%s", s.Kind, ready, log)
	}
}

// tailLog keeps the end of what a server prints.
type tailLog struct {
	mu   sync.Mutex
	text []byte
}

func (l *tailLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-4<<10):]
	return len(p), nil
}

func (l *tailLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// lineReader looks for words in the lines written to it.
type lineReader struct {
	words string
	seen  strings.Builder
	once  sync.Once
	found chan struct{}
}

func (r *lineReader) Write(p []byte) (int, error) {
	select {
	case <-r.found:
		return len(p), nil
	default:
	}
	r.seen.Write(p)
	for lines := bufio.NewScanner(strings.NewReader(r.seen.String())); lines.Scan(); {
		if strings.Contains(lines.Text(), r.words) {
			r.once.Do(func() { close(r.found) })
		}
	}
	return len(p), nil
}

var names atomic.Int64 //nolint:gochecknoglobals // numbers buckets of this process

// NewBucket makes an empty bucket and returns its URL.
func (s *Server) NewBucket(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("bucket-%d-%d", os.Getpid(), names.Add(1))
	if err := s.makeBucket(tb.Context(), name); err != nil {
		tb.Fatalf("make a bucket: %v", err)
	}
	return s.BucketURL(name, s.Address)
}

// Through returns the URL of a bucket of this server through a proxy.
func (s *Server) Through(url string, p *Proxy) string {
	return strings.ReplaceAll(url, s.Address, p.Address)
}

// BucketURL returns the URL of a bucket of a server at an address. For GCS the address is in the environment only, see
// Open.
func (s *Server) BucketURL(name, address string) string {
	switch s.Kind {
	case S3:
		return fmt.Sprintf("s3://%s?endpoint=http://%s&use_path_style=true", name, address)
	case GCS:
		return fmt.Sprintf("gs://%s#%s", name, address)
	default:
		return fmt.Sprintf("azblob://%s?domain=%s&protocol=http&localemu=true", name, address)
	}
}

func (s *Server) makeBucket(ctx context.Context, name string) error {
	switch s.Kind {
	case S3:
		return os.Mkdir(filepath.Join(s.Dir, name), 0o755) //nolint:gosec // as the gateway does
	case GCS:
		return post(ctx, "http://"+s.Address+"/storage/v1/b?project=test", fmt.Sprintf(`{"name":%q}`, name))
	default:
		return s.makeContainer(ctx, name)
	}
}

func post(ctx context.Context, url, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // its body is empty
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

var emulator sync.Mutex //nolint:gochecknoglobals // guards the variable of the environment that says where GCS is

// Open opens the bucket of a URL from NewBucket or Through. It is closed at the end of the test.
func Open(tb testing.TB, url string, opts cloud.Options) cloud.Bucket {
	tb.Helper()
	b, err := TryOpen(tb.Context(), url, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

// TryOpen is Open for children. The client of GCS reads the environment only when it is made.
func TryOpen(ctx context.Context, url string, opts cloud.Options) (cloud.Bucket, error) {
	url, address, isGCS := strings.Cut(url, "#")
	if isGCS {
		emulator.Lock()
		defer emulator.Unlock()
		if err := os.Setenv("STORAGE_EMULATOR_HOST", address); err != nil {
			return nil, err
		}
	}
	return cloud.Open(ctx, url, opts)
}
