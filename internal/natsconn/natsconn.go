// Package natsconn connects to NATS as a user says it by flags, by the environment and by a context of the nats
// command. Its errors name the flags of the command jetcapture, which it is for.
package natsconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"
)

// Setting is a setting of a connection that a context may have, too.
type Setting struct {
	Text string
	// Rank is how strongly the setting was given; 0 is not at all. It overrides the context's if its rank is not below
	// that of the context's name.
	Rank int
}

// Config says how to reach the server. Without a context and a server, that is the context that the nats command has
// selected, and without one, nats.DefaultURL.
type Config struct {
	Name                     string // of the connection, in the server's lists
	Context                  Setting
	Server                   Setting // several are separated by commas
	Creds, NKey, User, Token Setting
	Password                 string // that of User
	Cert, CA                 Setting
	Key                      string // that of Cert
	TLSFirst                 bool
	InboxPrefix              Setting
	Domain, APIPrefix        string

	selected bool // Context is the one that the nats command has selected
}

// firstPause and mostPause are the pauses between two attempts of ConnectWithin.
const (
	firstPause = 200 * time.Millisecond
	mostPause  = 5 * time.Second
)

// ConnectWithin is Connect, but waits for a server that cannot be reached, until a time has passed or ctx has ended.
// What is plainly wrong, such as credentials or the name of a host, is an error at once.
func ConnectWithin(
	ctx context.Context, wait time.Duration, c Config, log *slog.Logger, options ...nats.Option,
) (nc *nats.Conn, apiPrefix string, err error) {
	pause := retry.Backoff{First: firstPause, Max: mostPause}
	for began, told := time.Now(), false; ; {
		nc, apiPrefix, err = Connect(c, log, options...)
		left := wait - time.Since(began)
		if err == nil || !isUnreachable(err) || left <= 0 {
			return nc, apiPrefix, err
		}
		if !told {
			told = true
			log.Warn("the server cannot be reached yet, trying again",
				"for_at_most", left.Round(time.Second).String(), "error", err)
		}
		if retry.Pause(ctx, min(pause.Next(), left)) != nil {
			return nil, "", err
		}
	}
}

// isUnreachable reports whether an error of connecting says that nobody has answered.
func isUnreachable(err error) bool {
	var name *net.DNSError
	var network *net.OpError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return false
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.Is(err, io.EOF):
		return true
	}
	return errors.As(err, &network)
}

// Connect connects and returns the subject prefix of the JetStream API, empty for the usual one. The caller closes the
// connection. Until then it is established again, for ever, whenever it is lost. options come on top.
func Connect(c Config, log *slog.Logger, options ...nats.Option) (nc *nats.Conn, apiPrefix string, err error) {
	if c.Context.Text == "" && c.Server.Text == "" {
		if c.Context.Text = Selected(); c.Context.Text != "" {
			c.selected = true
			log.Info("using the selected NATS context; --nats-server or --nats-context chooses another server",
				"context", c.Context.Text)
		}
	}
	var tried []string // servers
	options = append([]nats.Option{
		nats.Name(c.Name),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // credentials can be renewed meanwhile
		logEvents(log),
		c.overlay,
		func(o *nats.Options) error {
			if err := urls.CheckServers(strings.Join(o.Servers, ",")); err != nil {
				return fmt.Errorf("server: %w", err)
			}
			for _, server := range o.Servers {
				tried = append(tried, urls.Show(server))
			}
			return nil
		},
	}, options...)
	var context natscontext.Settings
	if c.Context.Text != "" {
		nc, context, err = natscontext.Connect(c.Context.Text, options...)
	} else {
		nc, err = nats.Connect(nats.DefaultURL, options...)
	}
	if err != nil {
		return nil, "", c.cannotConnect(tried, err)
	}
	return nc, c.prefix(context), nil
}

// overlay sets what the user gave on top of what the context said. Credentials are used wherever the context has none.
func (c Config) overlay(o *nats.Options) error {
	if c.overrides(c.Server) || len(o.Servers) == 0 && c.Server.Text != "" {
		if err := urls.CheckServers(c.Server.Text); err != nil {
			return fmt.Errorf("--nats-server: %w", err)
		}
		o.Servers = urls.Servers(c.Server.Text)
	}
	if len(o.Servers) == 0 {
		o.Servers = []string{nats.DefaultURL}
	}
	if c.overrides(c.Creds, c.NKey, c.User, c.Token) {
		o.User, o.Password, o.Token, o.Nkey, o.UserJWT, o.SignatureCB = "", "", "", "", nil, nil
	}
	var options []nats.Option
	add := func(set bool, option func() nats.Option) {
		if set {
			options = append(options, option())
		}
	}
	if o.User == "" && o.Token == "" && o.Nkey == "" && o.UserJWT == nil {
		options = c.credentials()
	}
	add(c.overrides(c.Cert), func() nats.Option { return nats.ClientCert(c.Cert.Text, c.Key) })
	add(c.overrides(c.CA), func() nats.Option { return nats.RootCAs(c.CA.Text) })
	add(c.TLSFirst, nats.TLSHandshakeFirst)
	add(c.overrides(c.InboxPrefix), func() nats.Option { return nats.CustomInboxPrefix(c.InboxPrefix.Text) })
	return applyAll(o, options)
}

// overrides reports whether one of the settings overrides the context.
func (c Config) overrides(settings ...Setting) bool {
	for _, s := range settings {
		if s.Rank > 0 && s.Rank >= c.Context.Rank {
			return true
		}
	}
	return false
}

// credentials are those with the highest rank, files before words; never two kinds, which a server could take for two
// users.
func (c Config) credentials() []nats.Option {
	best, option := 0, nats.Option(nil)
	for _, kind := range []struct {
		setting Setting
		option  func() nats.Option
	}{
		{c.Creds, func() nats.Option { return nats.UserCredentials(c.Creds.Text) }},
		{c.NKey, func() nats.Option { return nkeyOf(c.NKey.Text) }},
		{c.User, func() nats.Option { return nats.UserInfo(c.User.Text, c.Password) }},
		{c.Token, func() nats.Option { return nats.Token(c.Token.Text) }},
	} {
		if kind.setting.Rank > best {
			best, option = kind.setting.Rank, kind.option()
		}
	}
	if option == nil {
		return nil
	}
	return []nats.Option{option}
}

// nkeyOf reads the seed when the connection is made, so that an error of the file is one of connecting.
func nkeyOf(file string) nats.Option {
	return func(o *nats.Options) error {
		nkey, err := nats.NkeyOptionFromSeed(file)
		if err != nil {
			return fmt.Errorf("--nats-nkey %s: %w", file, err)
		}
		return nkey(o)
	}
}

// applyAll applies options in order; the later ones win.
func applyAll(o *nats.Options, options []nats.Option) error {
	for _, option := range options {
		if err := option(o); err != nil {
			return err
		}
	}
	return nil
}

// prefix is that of the JetStream API.
func (c Config) prefix(context natscontext.Settings) string {
	switch {
	case c.APIPrefix != "":
		return c.APIPrefix
	case c.Domain != "":
		return "$JS." + c.Domain + ".API"
	case context.JSAPIPrefix != "":
		return strings.TrimSuffix(context.JSAPIPrefix, ".")
	case context.JSDomain != "":
		return "$JS." + context.JSDomain + ".API"
	}
	return ""
}

// logEvents logs what happens to the connection while it is used.
func logEvents(log *slog.Logger) nats.Option {
	// when we last logged that connecting again failed; one goroutine of the client calls all of these
	var warned time.Time
	return func(o *nats.Options) error {
		return applyAll(o, []nats.Option{
			nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
				if err != nil { // nil: we have closed it
					log.Warn("the connection is lost, connecting again", "error", err)
				}
			}),
			nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
				if time.Since(warned) >= time.Minute {
					warned = time.Now()
					log.Warn("cannot connect again yet, still trying", "error", err)
				}
			}),
			nats.ReconnectHandler(func(nc *nats.Conn) {
				log.Info("connected again", "server", urls.Show(nc.ConnectedUrl()))
			}),
			nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
				attrs := []any{"error", err}
				if sub != nil {
					attrs = append(attrs, "subject", sub.Subject)
				}
				level := slog.LevelWarn
				if errors.Is(err, nats.ErrBadHeaderMsg) { // each such message; who needs its header reads it as it is stored
					level = slog.LevelDebug
				}
				log.Log(context.Background(), level, "the server or the client reports an error", attrs...)
			}),
			nats.LameDuckModeHandler(func(*nats.Conn) {
				log.Info("the server is going to shut down, moving to another one")
			}),
		})
	}
}

// cannotConnect says what to do about an error of the first connection. It does not show URLs, which may hold a
// password. tried is empty if no server was even tried.
func (c Config) cannotConnect(tried []string, err error) error {
	switch {
	case len(tried) == 0 && c.selected:
		return fmt.Errorf("use the selected NATS context %q: %w: `nats context select` chooses another one, "+
			"--nats-server or --nats-context goes without it", c.Context.Text, err)
	case len(tried) == 0 && c.Context.Text != "":
		return fmt.Errorf("use NATS context %q: %w: `nats context ls` lists those that there are", c.Context.Text, err)
	case len(tried) == 0:
		return fmt.Errorf("prepare the connection: %w", err)
	}
	var advice string
	switch {
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		advice = "is the server running there, and --nats-server (NATS_URL) or --nats-context right?"
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		advice = "the server does not accept the credentials; give others by --nats-creds, --nats-nkey, " +
			"NATS_USER and NATS_PASSWORD, or NATS_TOKEN"
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted):
		advice = "server and client do not agree on TLS; write tls:// or nats:// in --nats-server, or give --nats-tls-ca"
	default:
		advice = "check the --nats options"
	}
	return fmt.Errorf("connect to %s: %w: %s", strings.Join(tried, ", "), withoutURL(err), advice)
}

// withoutURL replaces an error of package url, which quotes what it could not parse.
func withoutURL(err error) error {
	var bad *url.Error
	if errors.As(err, &bad) {
		return errors.New("a URL is malformed")
	}
	return err
}
