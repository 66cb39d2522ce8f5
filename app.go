package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/jetcapture/jetcapture/internal/stopsignal"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"
	"github.com/urfave/cli/v2"
)

// NewAppSkeleton returns a command line program that captures one stream with your decoder, writer and store. It fills
// in the options that have flags, lets setup fill in the rest, connects, and captures until SIGINT, SIGTERM or SIGHUP.
// Then it stores what was read; a second signal gives up at once and exits with code 130.
//
// Flags and defaults are those of v0.1.0. Add a name, a usage and flags of your own to the returned program, and read
// the flags in setup from c. The program examples/appskeleton is made with it.
func NewAppSkeleton[P Payload, K DestKey](setup func(c *cli.Context, options *Options[P, K]) error) *cli.App {
	return &cli.App{
		Flags: skeletonFlags(),
		Action: func(c *cli.Context) error {
			options, err := skeletonOptions(c, setup)
			if err != nil {
				return err
			}
			return untilSignal(c.Context, options.Logger, func(ctx context.Context) error {
				return connectAndRun(ctx, c, options)
			})
		},
	}
}

func skeletonFlags() []cli.Flag {
	text := func(name, env, usage string) cli.Flag {
		return &cli.StringFlag{Name: name, EnvVars: []string{env}, Usage: usage}
	}
	return []cli.Flag{
		text("nats-context", "NATS_CONTEXT", "NATS context to connect with (default: the selected one, if any)"),
		text("nats-server", "NATS_URL", "NATS server `URL`s, in place of those of the context"),
		text("nats-creds", "NATS_CREDS", "NATS credentials `FILE`, in place of what the context has"),
		&cli.StringFlag{Name: "nats-inbox-prefix", Usage: "`SUBJECT` prefix of inboxes"},
		&cli.StringFlag{Name: "stream-name", Aliases: []string{"s"}, Usage: "`STREAM` to capture"},
		&cli.StringFlag{Name: "consumer-name", Aliases: []string{"c"}, Usage: "durable `CONSUMER` to read through"},
		&cli.DurationFlag{Name: "max-age", Value: DefaultMaxAge, Usage: "length of the time window of a file"},
		&cli.BoolFlag{Name: "buffer-to-disk", Value: true, Usage: "let open files spill from memory to disk"},
		&cli.StringFlag{Name: "tmp-dir", Value: os.TempDir(), Usage: "`DIRECTORY` for what spills"},
		&cli.StringFlag{Name: "compression", Value: string(None), Usage: "none, gzip, snappy or zstd"},
		&cli.BoolFlag{Name: "log-json", Usage: "log as JSON"},
		&cli.StringFlag{Name: "log-level", Value: "info", Usage: "debug, info, warn or error"},
	}
}

// skeletonOptions makes complete and valid options of the flags and setup.
func skeletonOptions[P Payload, K DestKey](
	c *cli.Context, setup func(*cli.Context, *Options[P, K]) error,
) (*Options[P, K], error) {
	options := DefaultOptions[P, K]()
	options.NATSStreamName = c.String("stream-name")
	options.NATSConsumerName = c.String("consumer-name")
	options.MaxAge = c.Duration("max-age")
	options.BufferToDisk = c.Bool("buffer-to-disk")
	options.TempDir = c.String("tmp-dir")
	options.Compression = Compression(c.String("compression"))
	var err error
	if options.Logger, err = skeletonLogger(c.App.ErrWriter, c.String("log-level"), c.Bool("log-json")); err != nil {
		return nil, err
	}
	if setup != nil {
		if err := setup(c, options); err != nil {
			return nil, err
		}
	}
	if options.Logger == nil {
		options.Logger = defaultLogger()
	}
	if err := options.Validate(); err != nil {
		return nil, fmt.Errorf("invalid options (see --help): %w", err)
	}
	return options, nil
}

func skeletonLogger(out io.Writer, level string, asJSON bool) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("unknown --log-level %q: use one of debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	if asJSON {
		return slog.New(slog.NewJSONHandler(out, options)), nil
	}
	return slog.New(slog.NewTextHandler(out, options)), nil
}

// untilSignal calls run and cancels its context at the first signal. After a second signal it does not wait for run,
// and returns an error with which the program exits.
func untilSignal(ctx context.Context, log *slog.Logger, run func(context.Context) error) error {
	first, second, end := stopsignal.Notify(nil)
	defer end()
	defer stopsignal.OutlivePipes()()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-second:
			return cli.Exit("gave up: what was not stored stays in the stream for the next start", stopsignal.ExitCode)
		case s := <-first:
			log.Info("stopping: storing what was read; a second signal gives up at once", "signal", s.String())
			stop()
		}
	}
}

// connectAndRun connects, captures and closes the connection.
func connectAndRun[P Payload, K DestKey](ctx context.Context, c *cli.Context, options *Options[P, K]) error {
	nc, settings, err := natscontext.Connect(c.String("nats-context"), skeletonConnection(c, options.Logger)...)
	if err != nil {
		return connectError(c, err)
	}
	defer nc.Close()
	options.Logger.Info("connected to NATS", "server", nc.ConnectedAddr())
	if options.APIPrefix == "" {
		options.APIPrefix = contextAPIPrefix(settings)
	}
	return options.Build().Run(ctx, nc)
}

// contextAPIPrefix returns the subject prefix of JetStream's API in a context.
func contextAPIPrefix(s natscontext.Settings) string {
	if s.JSDomain != "" {
		return "$JS." + s.JSDomain + ".API"
	}
	return s.JSAPIPrefix
}

// skeletonConnection returns the options that are added to those of a context. Later options win over earlier ones.
func skeletonConnection(c *cli.Context, log *slog.Logger) []nats.Option {
	options := []nats.Option{
		nats.Name("jetcapture"),
		nats.MaxReconnects(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("disconnected from NATS", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			log.Info("reconnected to NATS", "server", nc.ConnectedAddr())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("error from NATS", "error", err)
		}),
		useServers(c.String("nats-server")),
	}
	if file := c.String("nats-creds"); file != "" {
		options = append(options, withoutLogin, nats.UserCredentials(file))
	}
	if prefix := c.String("nats-inbox-prefix"); prefix != "" {
		options = append(options, nats.CustomInboxPrefix(prefix))
	}
	return options
}

// useServers replaces the servers of a context, unless list is empty, and checks those that remain. If there are none,
// nats.go uses nats.DefaultURL.
func useServers(list string) nats.Option {
	return func(o *nats.Options) error {
		if list == "" {
			list = strings.Join(o.Servers, ",")
		} else {
			o.Servers = strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
		}
		return urls.CheckServers(strings.ReplaceAll(list, " ", ","))
	}
}

// withoutLogin drops the login of a context, because nats.go refuses two logins.
func withoutLogin(o *nats.Options) error {
	o.User, o.Password, o.Token, o.Nkey, o.UserJWT, o.SignatureCB = "", "", "", "", nil, nil
	return nil
}

// connectError says how we tried to connect, without the credentials that URLs may hold.
func connectError(c *cli.Context, err error) error {
	if bad := (*url.Error)(nil); errors.As(err, &bad) {
		err = errors.New("a URL is malformed") // the text of bad holds it
	}
	with := "the selected NATS context or " + nats.DefaultURL
	switch {
	case c.String("nats-server") != "":
		with = "--nats-server"
	case c.String("nats-context") != "":
		with = fmt.Sprintf("NATS context %q", c.String("nats-context"))
	}
	return fmt.Errorf("connect to NATS with %s: %w", with, err)
}
