package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/synadia-io/orbit.go/natscontext"
)

// captures runs "jetcapture run --once" on an empty stream ORDERS in the environment and fails the test unless it
// succeeds.
func (e environment) captures(t *testing.T, args ...string) {
	t.Helper()
	r := e.run(t, append([]string{"run", "-s", "ORDERS", "-o", t.TempDir(), "--once", "--log-level", "error"}, args...)...)
	if r.code != exitDone {
		t.Errorf("%v %v: exit code %d: %s", e, args, r.code, r.stderr)
	}
}

// withOrders starts a server and makes its stream ORDERS.
func withOrders(t *testing.T, option natstest.Option, connect ...nats.Option) *natstest.Server {
	t.Helper()
	srv := natstest.Start(t, option)
	natstest.CreateStream(t, srv.Connect(connect...), jetstream.StreamConfig{Name: "ORDERS"})
	return srv
}

// writeContext makes a context named test of the nats command.
func writeContext(t *testing.T, c natscontext.Settings) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home) // package natscontext looks nowhere else
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(home, "nats", "context", "test.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestUserAndToken(t *testing.T) {
	user := withOrders(t, func(o *server.Options) { o.Username, o.Password = "me", "secret" },
		nats.UserInfo("me", "secret"))
	environment{"NATS_URL": user.URL(), "NATS_USER": "me", "NATS_PASSWORD": "secret"}.captures(t)
	environment{}.captures(t, "--nats-server", "nats://me:secret@"+user.Addr())
	environment{"NATS_URL": user.URL(), "NATS_USER": "me", "NATS_PASSWORD": "secret", "NATS_TOKEN": "other"}.captures(t)
	token := withOrders(t, func(o *server.Options) { o.Authorization = "secret" }, nats.Token("secret"))
	environment{"NATS_URL": token.URL(), "NATS_TOKEN": "secret"}.captures(t)
}

func TestContext(t *testing.T) {
	srv := withOrders(t, func(o *server.Options) { o.Username, o.Password = "me", "secret" },
		nats.UserInfo("me", "secret"))
	const elsewhere = "nats://127.0.0.1:1"
	t.Run("gives the server and the credentials", func(t *testing.T) {
		writeContext(t, natscontext.Settings{URL: srv.URL(), User: "me", Password: "secret"})
		environment{}.captures(t, "--nats-context", "test")
		environment{"NATS_CONTEXT": "test"}.captures(t)
		environment{"NATS_URL": elsewhere, "NATS_USER": "other", "NATS_PASSWORD": "x"}.captures(t, "--nats-context", "test")
	})
	t.Run("is overridden", func(t *testing.T) {
		writeContext(t, natscontext.Settings{URL: elsewhere, User: "other", Password: "x"})
		environment{"NATS_USER": "me", "NATS_PASSWORD": "secret", "NATS_CONTEXT": "test"}.captures(t, "--nats-server",
			srv.URL())
		environment{"NATS_USER": "me", "NATS_PASSWORD": "secret", "NATS_CONTEXT": "test", "NATS_URL": srv.URL()}.captures(t)
	})
	t.Run("is completed", func(t *testing.T) {
		writeContext(t, natscontext.Settings{URL: srv.URL()})
		environment{"NATS_USER": "me", "NATS_PASSWORD": "secret"}.captures(t, "--nats-context", "test")
	})
	t.Run("is wrong", func(t *testing.T) {
		writeContext(t, natscontext.Settings{URL: srv.URL(), User: "me", Password: "wrong"})
		r := environment{}.run(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--nats-context", "test")
		wantOneLine(t, r, `connect to nats://127.*does not accept the credentials`)
	})
}

// TestSelectedContext: without context and server, the context that the nats command has selected counts.
func TestSelectedContext(t *testing.T) {
	srv := withOrders(t, func(o *server.Options) { o.Username, o.Password = "me", "secret" },
		nats.UserInfo("me", "secret"))
	t.Run("is used, and said", func(t *testing.T) {
		selectContext(t, "test", natscontext.Settings{URL: srv.URL(), User: "me", Password: "secret"})
		folder := t.TempDir()
		r := environment{}.run(t, "run", "-s", "ORDERS", "-o", folder, "--once")
		if r.code != exitDone || !strings.Contains(r.stderr, "using the selected NATS context") ||
			!strings.Contains(r.stderr, "context=test") {
			t.Errorf("run: exit code %d: %s", r.code, r.stderr)
		}
		r = environment{}.run(t, "verify", folder, "--against-stream")
		if r.code != exitDone || !strings.Contains(r.stderr, "using the selected NATS context") {
			t.Errorf("verify: exit code %d: %s", r.code, r.stderr)
		}
	})
	t.Run("gives way to a server", func(t *testing.T) {
		selectContext(t, "test", natscontext.Settings{URL: "nats://127.0.0.1:1", User: "other", Password: "x"})
		environment{"NATS_USER": "me", "NATS_PASSWORD": "secret", "NATS_URL": srv.URL()}.captures(t)
		environment{"NATS_USER": "me", "NATS_PASSWORD": "secret"}.captures(t, "--nats-server", srv.URL())
	})
	t.Run("does not exist", func(t *testing.T) {
		selectContext(t, "gone", natscontext.Settings{URL: srv.URL()})
		r := environment{}.run(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--once", "--log-level", "error")
		wantOneLine(t, r, "use the selected NATS context \"gone\".*`nats context select`")
	})
}

// selectContext makes the context test and selects a context.
func selectContext(t *testing.T, name string, c natscontext.Settings) {
	t.Helper()
	writeContext(t, c)
	file := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "nats", "context.txt")
	if err := os.WriteFile(file, []byte(name+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNKey(t *testing.T) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "user.nk")
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	option, err := nats.NkeyOptionFromSeed(file)
	if err != nil {
		t.Fatal(err)
	}
	srv := withOrders(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} }, option)
	environment{"NATS_URL": srv.URL()}.captures(t, "--nats-nkey", file)
	environment{"NATS_URL": srv.URL(), "NATS_NKEY": file}.captures(t)
	if err := os.WriteFile(file, []byte("no seed"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := environment{"NATS_URL": srv.URL()}.run(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--nats-nkey", file)
	wantOneLine(t, r, `--nats-nkey .*user\.nk: `)
}

func TestInboxPrefix(t *testing.T) {
	srv := withOrders(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "admin", Password: "a"},
			{Username: "me", Password: "secret", Permissions: &server.Permissions{
				Subscribe: &server.SubjectPermission{Allow: []string{"mine.>"}},
			}},
		}
	}, nats.UserInfo("admin", "a"))
	environment{"NATS_URL": srv.URL(), "NATS_USER": "me", "NATS_PASSWORD": "secret"}.captures(t,
		"--nats-inbox-prefix", "mine")
}

func TestDomain(t *testing.T) {
	srv := withOrders(t, func(o *server.Options) { o.JetStreamDomain = "hub" })
	environment{"NATS_URL": srv.URL()}.captures(t, "--js-domain", "hub")
	environment{"NATS_URL": srv.URL()}.captures(t, "--js-api-prefix", "$JS.hub.API")
	writeContext(t, natscontext.Settings{URL: srv.URL(), JSDomain: "hub"})
	environment{}.captures(t, "--nats-context", "test")
}

// certificates makes a certificate for 127.0.0.1 that is its own authority, for server and client, and writes it and
// its key to files.
func certificates(t *testing.T) (config *tls.Config, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, content := range map[string][]byte{cert: certPEM, key: keyPEM} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS12,
	}, cert, key
}

func TestTLS(t *testing.T) {
	config, cert, key := certificates(t)
	for _, first := range []bool{false, true} {
		client := []nats.Option{nats.RootCAs(cert), nats.ClientCert(cert, key)}
		flags := []string{"--nats-tls-ca", cert, "--nats-tls-cert", cert, "--nats-tls-key", key}
		if first {
			client, flags = append(client, nats.TLSHandshakeFirst()), append(flags, "--nats-tls-first")
		}
		srv := withOrders(t, func(o *server.Options) {
			o.TLSConfig, o.TLS, o.TLSVerify, o.TLSHandshakeFirst, o.TLSTimeout = config, true, true, first, 10
		}, client...)
		environment{"NATS_URL": srv.URL()}.captures(t, flags...)
		environment{"NATS_URL": srv.URL(), "NATS_CA": cert, "NATS_CERT": cert, "NATS_KEY": key}.captures(t, flags[6:]...)
	}
}
