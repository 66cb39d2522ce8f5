package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"
)

// connection says how to reach the server.
type connection struct {
	context, server                    string
	creds, nkey, user, password, token string
	cert, key, ca                      string
	tlsFirst                           bool
	inboxPrefix                        string
	domain, apiPrefix                  string
}

// connectionProblems says what is wrong with the options of the connection.
func (s *settings) connectionProblems() (problems []error) {
	c := &s.nats
	if (c.cert == "") != (c.key == "") {
		problems = append(problems, errors.New("--nats-tls-cert: needs --nats-tls-key, and the other way round"))
	}
	if c.domain != "" && c.apiPrefix != "" {
		problems = append(problems, errors.New("--js-domain: stands for a --js-api-prefix, give only one of the two"))
	}
	if s.given["nats-creds"] == byFlag && s.given["nats-nkey"] == byFlag {
		problems = append(problems, errors.New("--nats-creds: holds a key already, give no --nats-nkey beside it"))
	}
	for _, f := range []struct{ flag, file string }{
		{"nats-creds", c.creds}, {"nats-nkey", c.nkey}, {"nats-tls-cert", c.cert}, {"nats-tls-key", c.key}, {"nats-tls-ca", c.ca},
	} {
		if f.file == "" {
			continue
		}
		if _, err := os.Stat(f.file); err != nil {
			problems = append(problems, fmt.Errorf("--%s: %w", f.flag, err))
		}
	}
	return problems
}

// connect connects and returns the subject prefix of the JetStream API, empty for the usual one. The caller closes the connection. Lost
// connections are established again for ever.
func (s *settings) connect(log *slog.Logger) (nc *nats.Conn, apiPrefix string, err error) {
	var servers []string // that were tried
	options := []nats.Option{
		nats.Name("jetcapture " + s.library.NATSStreamName),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // credentials can be renewed while we run
		logEvents(log),
		s.overlay,
		func(o *nats.Options) error {
			servers = withoutUsers(o.Servers)
			return nil
		},
	}
	var context natscontext.Settings
	if s.nats.context != "" {
		nc, context, err = natscontext.Connect(s.nats.context, options...)
	} else {
		nc, err = nats.Connect(nats.DefaultURL, options...)
	}
	if err != nil {
		return nil, "", s.cannotConnect(servers, err)
	}
	return nc, s.nats.prefix(context), nil
}

// overlay sets what flags and environment say on top of what the context said. What came the same way as the context's name, or by a
// flag where that came from the environment, wins; credentials are used wherever the context has none.
func (s *settings) overlay(o *nats.Options) error {
	c := &s.nats
	if s.overrides("nats-server") || len(o.Servers) == 0 && c.server != "" {
		o.Servers = splitServers(c.server)
	}
	if len(o.Servers) == 0 {
		o.Servers = []string{nats.DefaultURL}
	}
	if s.overrides("nats-creds", "nats-nkey", "nats-user", "nats-token") {
		o.User, o.Password, o.Token, o.Nkey, o.UserJWT, o.SignatureCB = "", "", "", "", nil, nil
	}
	var options []nats.Option
	add := func(set bool, option func() nats.Option) {
		if set {
			options = append(options, option())
		}
	}
	if o.User == "" && o.Token == "" && o.Nkey == "" && o.UserJWT == nil {
		options = s.credentials()
	}
	add(s.overrides("nats-tls-cert"), func() nats.Option { return nats.ClientCert(c.cert, c.key) })
	add(s.overrides("nats-tls-ca"), func() nats.Option { return nats.RootCAs(c.ca) })
	add(c.tlsFirst, nats.TLSHandshakeFirst)
	add(s.overrides("nats-inbox-prefix"), func() nats.Option { return nats.CustomInboxPrefix(c.inboxPrefix) })
	return applyAll(o, options)
}

// overrides reports whether one of the options overrides the context.
func (s *settings) overrides(names ...string) bool {
	for _, n := range names {
		if given := s.given[n]; given != byDefault && given >= s.given["nats-context"] {
			return true
		}
	}
	return false
}

// credentials are those that were given, flags before the environment, files before words; never two kinds, which a server could take for
// two users.
func (s *settings) credentials() []nats.Option {
	best, option := byDefault, nats.Option(nil)
	for _, kind := range []struct {
		name   string
		option func(c *connection) nats.Option
	}{
		{"nats-creds", func(c *connection) nats.Option { return nats.UserCredentials(c.creds) }},
		{"nats-nkey", nkeyOf},
		{"nats-user", func(c *connection) nats.Option { return nats.UserInfo(c.user, c.password) }},
		{"nats-token", func(c *connection) nats.Option { return nats.Token(c.token) }},
	} {
		if s.given[kind.name] > best {
			best, option = s.given[kind.name], kind.option(&s.nats)
		}
	}
	if option == nil {
		return nil
	}
	return []nats.Option{option}
}

func nkeyOf(c *connection) nats.Option {
	return func(o *nats.Options) error {
		nkey, err := nats.NkeyOptionFromSeed(c.nkey)
		if err != nil {
			return fmt.Errorf("--nats-nkey %s: %w", c.nkey, err)
		}
		return nkey(o)
	}
}

func applyAll(o *nats.Options, options []nats.Option) error {
	for _, option := range options {
		if err := option(o); err != nil {
			return err
		}
	}
	return nil
}

// prefix is that of the JetStream API.
func (c *connection) prefix(context natscontext.Settings) string {
	switch {
	case c.apiPrefix != "":
		return c.apiPrefix
	case c.domain != "":
		return "$JS." + c.domain + ".API"
	case context.JSAPIPrefix != "":
		return strings.TrimSuffix(context.JSAPIPrefix, ".")
	case context.JSDomain != "":
		return "$JS." + context.JSDomain + ".API"
	}
	return ""
}

func splitServers(servers string) (list []string) {
	for s := range strings.SplitSeq(servers, ",") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// logEvents logs what happens to the connection while it is used.
func logEvents(log *slog.Logger) nats.Option {
	var warned time.Time // last that connecting again has failed
	return func(o *nats.Options) error {
		return applyAll(o, []nats.Option{
			nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
				if err != nil { // nil: we have closed it
					log.Warn("the connection is lost, connecting again", "error", err)
				}
			}),
			nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
				if time.Since(warned) >= time.Minute { // one goroutine of the client calls all of these
					warned = time.Now()
					log.Warn("cannot connect again yet, going on trying", "error", err)
				}
			}),
			nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("connected again", "server", withoutUser(nc.ConnectedUrl())) }),
			nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
				attrs := []any{"error", err}
				if sub != nil {
					attrs = append(attrs, "subject", sub.Subject)
				}
				log.Warn("the server or the client reports an error", attrs...)
			}),
			nats.LameDuckModeHandler(func(*nats.Conn) { log.Info("the server is going to shut down, another one is taken") }),
		})
	}
}

// withoutUser takes user, password and token out of a server's URL.
func withoutUser(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		if _, host, found := strings.Cut(server, "@"); found {
			return host
		}
		return server
	}
	u.User = nil
	return u.String()
}

func withoutUsers(servers []string) []string {
	list := make([]string, len(servers))
	for i, s := range servers {
		list[i] = withoutUser(s)
	}
	return list
}

// cannotConnect says what to do about an error of the first connection. It does not show the URL, which may hold a password.
func (s *settings) cannotConnect(servers []string, err error) error {
	where := strings.Join(servers, ", ")
	if len(servers) == 0 { // not even tried
		if s.nats.context != "" {
			return fmt.Errorf("use NATS context %q: %w: `nats context ls` lists those that there are", s.nats.context, err)
		}
		return fmt.Errorf("prepare the connection: %w", err)
	}
	var advice string
	switch {
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		advice = "is the server running there, and --nats-server (NATS_URL) or --nats-context right?"
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		advice = "the server does not accept the credentials; give others by --nats-creds, --nats-nkey, NATS_USER and NATS_PASSWORD, or NATS_TOKEN"
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted):
		advice = "server and client do not agree on TLS; write tls:// or nats:// in --nats-server, or give --nats-tls-ca"
	default:
		advice = "check the --nats options"
	}
	return fmt.Errorf("connect to %s: %w: %s", where, cleanURL(err), advice)
}

// cleanURL takes a URL out of an error of package url, which quotes what it could not parse.
func cleanURL(err error) error {
	var bad *url.Error
	if errors.As(err, &bad) {
		return bad.Err
	}
	return err
}
