// Command server runs a test server of an object store until its standard input ends, so it ends with the test that
// started it. It prints its URL when it accepts requests.
//
//	server s3 ADDRESS DIRECTORY     versitygw over a directory; its subdirectories are buckets
//	server gs ADDRESS               fake-gcs-server, in memory
//
// With gs, STORETEST_PUBLIC_HOST is the address that clients use, if that is another one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// The keys of the S3 server. They protect nothing.
const (
	accessKey = "storetest"
	secretKey = "storetest-secret"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	usage := errors.New("usage: server s3 ADDRESS DIRECTORY | server gs ADDRESS")
	if len(args) < 2 {
		return usage
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin) // only its end matters
	}()
	switch {
	case args[0] == "s3" && len(args) == 3:
		return serveS3(ctx, out, args[1], args[2])
	case args[0] == "gs" && len(args) == 2:
		return serveGCS(ctx, out, args[1])
	}
	return usage
}

func serveS3(ctx context.Context, out io.Writer, address, dir string) error {
	backend, err := posix.New(dir, meta.XattrMeta{}, posix.PosixOpts{NewDirPerm: 0o755})
	if err != nil {
		return err
	}
	go announce(ctx, out, address)
	err = embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
		RootUserAccess: accessKey, RootUserSecret: secretKey, Ports: []string{address}, MaxConnections: 10_000,
		MaxRequests:       10_000,
		MultipartMaxParts: 10_000, Quiet: true, KeepAlive: true,
	})
	if ctx.Err() == nil {
		return fmt.Errorf("the gateway ended: %w", err)
	}
	return nil
}

// announce prints the URL of a server when it accepts connections.
func announce(ctx context.Context, out io.Writer, address string) {
	var dialer net.Dialer
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if conn, err := dialer.DialContext(ctx, "tcp", address); err == nil {
			_ = conn.Close() // nothing was sent
			fmt.Fprintln(out, "http://"+address)
			return
		}
		<-tick.C
	}
}

func serveGCS(ctx context.Context, out io.Writer, address string) error {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return err
	}
	public := os.Getenv("STORETEST_PUBLIC_HOST")
	if public == "" {
		public = address
	}
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		Scheme: "http", Host: host, Port: uint16(port), // in memory
		// Clients follow the URL that they get for an upload, and downloads are served for this host only.
		ExternalURL: "http://" + public, PublicHost: public,
	})
	if err != nil {
		return err
	}
	defer server.Stop()
	fmt.Fprintln(out, "http://"+address)
	<-ctx.Done()
	return nil
}
