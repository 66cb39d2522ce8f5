package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/urls"
)

// connection says how to reach the server. A context of the nats command is overridden by what was given in the same
// way as the name of the context, or in a stronger way: see natsconn.Setting.
type connection struct{ natsconn.Config }

// named is the configuration for a connection of that name.
func (c *connection) named(name string) natsconn.Config {
	config := c.Config
	config.Name = name
	return config
}

// check returns what is wrong with the options of the connection.
func (c *connection) check(given *choices) (problems []error) {
	if (c.Cert.Text == "") != (c.Key == "") {
		problems = append(problems, errors.New("--nats-tls-cert: needs --nats-tls-key, and the other way round"))
	}
	if c.Domain != "" && c.APIPrefix != "" {
		problems = append(problems, errors.New("--js-domain: stands for a --js-api-prefix, give only one of the two"))
	}
	if given.origins["nats-creds"] == byFlag && given.origins["nats-nkey"] == byFlag {
		problems = append(problems, errors.New("--nats-creds: holds a key already, give no --nats-nkey beside it"))
	}
	if err := urls.CheckServers(c.Server.Text); err != nil {
		problems = append(problems, fmt.Errorf("--nats-server: %w", err))
	}
	for _, f := range []struct{ flag, file string }{
		{"nats-creds", c.Creds.Text},
		{"nats-nkey", c.NKey.Text},
		{"nats-tls-cert", c.Cert.Text},
		{"nats-tls-key", c.Key},
		{"nats-tls-ca", c.CA.Text},
	} {
		if f.file == "" {
			continue
		}
		switch info, err := os.Stat(f.file); {
		case err != nil && looksSecret(f.file):
			problems = append(problems, fmt.Errorf("--%s: give the name of a file with the secret, not the secret", f.flag))
		case err != nil:
			problems = append(problems, fmt.Errorf("--%s: %w", f.flag, err))
		case !info.Mode().IsRegular(): // the client would wait for the writer of a pipe, and hold its lock meanwhile
			problems = append(problems, fmt.Errorf("--%s: %s is not a regular file: it is read for each connection", f.flag,
				f.file))
		}
	}
	return problems
}

// looksSecret reports whether a text is what belongs into a file, a seed, a JWT or PEM, and not the file's name.
func looksSecret(text string) bool {
	return regexp.MustCompile(`^\s*(-----BEGIN|eyJ|S[A-Z2-7]{57}\s*$)`).MatchString(text)
}

// options are those of the connection.
func (c *connection) options() []option {
	return []option{
		{
			name: "nats-context", env: "NATS_CONTEXT", arg: "NAME",
			help: "a context of the nats command: its server, credentials, TLS and JetStream domain (default: the one " +
				"that nats has selected, unless --nats-server is given)",
			value: rankedText(&c.Context), complete: completeContexts,
		},
		{
			name: "nats-server", env: "NATS_URL", arg: "URLS",
			help:  "servers, separated by commas (default: that of the context, or nats://127.0.0.1:4222)",
			value: rankedText(&c.Server),
		},
		{
			name: "nats-creds", env: "NATS_CREDS", arg: "FILE", help: "credentials file",
			value: rankedText(&c.Creds),
		},
		{
			name: "nats-nkey", env: "NATS_NKEY", arg: "FILE", help: "nkey seed file",
			value: rankedText(&c.NKey),
		},
		{name: "nats-user", env: "NATS_USER", envOnly: true, help: "user name", value: rankedText(&c.User)},
		{
			name: "nats-password", env: "NATS_PASSWORD", envOnly: true, help: "password of that user",
			value: text(&c.Password),
		},
		{name: "nats-token", env: "NATS_TOKEN", envOnly: true, help: "token", value: rankedText(&c.Token)},
		{
			name: "nats-tls-cert", env: "NATS_CERT", arg: "FILE", help: "client certificate",
			value: rankedText(&c.Cert),
		},
		{
			name: "nats-tls-key", env: "NATS_KEY", arg: "FILE", help: "private key of the client certificate",
			value: text(&c.Key),
		},
		{
			name: "nats-tls-ca", env: "NATS_CA", arg: "FILE", help: "certificate authorities to trust",
			value: rankedText(&c.CA),
		},
		{
			name: "nats-tls-first", help: "begin with the TLS handshake, for servers with handshake_first",
			value: boolean(&c.TLSFirst),
		},
		{
			name: "nats-inbox-prefix", env: "NATS_INBOX_PREFIX", arg: "SUBJECT",
			help:  "prefix of the inboxes, where the user may not subscribe to _INBOX",
			value: rankedText(&c.InboxPrefix),
		},
		{
			name: "js-domain", arg: "DOMAIN", help: "JetStream domain",
			value: text(&c.Domain),
		},
		{
			name: "js-api-prefix", field: "APIPrefix", arg: "SUBJECT", help: "subject prefix of an imported JetStream API",
			value: text(&c.APIPrefix),
		},
	}
}
