package jetcapture_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/urfave/cli/v2"
)

type skeletonOptions = jetcapture.Options[*jetcapture.NatsMessage, string]

// errEnough stops a skeleton in its setup.
var errEnough = errors.New("enough")

// runSkeleton runs the skeleton up to the end of its setup, or beyond if that gives no error, and returns the options.
func runSkeleton(t *testing.T, setupErr error, args ...string) (got skeletonOptions, log string, err error) {
	t.Helper()
	var out bytes.Buffer
	app := jetcapture.NewAppSkeleton(func(_ *cli.Context, o *skeletonOptions) error {
		o.Logger.Info("in setup")
		o.Logger.Debug("details")
		got = *o
		return setupErr
	})
	app.Writer, app.ErrWriter = &out, &out
	app.ExitErrHandler = func(*cli.Context, error) {}
	err = app.Run(append([]string{"app"}, args...))
	return got, out.String(), err
}

func TestAppSkeletonDefaults(t *testing.T) {
	got, log, err := runSkeleton(t, errEnough)
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	got.Logger = nil
	want := *jetcapture.DefaultOptions[*jetcapture.NatsMessage, string]()
	want.BufferToDisk = true
	if !reflect.DeepEqual(got, want) { //nolint:govet // both are made here, and hold no errors
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if want.Compression != jetcapture.None || want.MaxAge != 15*time.Minute {
		t.Errorf("compression %q, max age %v", want.Compression, want.MaxAge)
	}
	if !strings.Contains(log, "level=INFO") || strings.Contains(log, "details") {
		t.Errorf("log %q", log)
	}
}

func TestAppSkeletonFlags(t *testing.T) {
	got, log, err := runSkeleton(t, errEnough, "-s", "ORDERS", "-c", "backup", "--max-age", "1m", "--buffer-to-disk=false",
		"--tmp-dir", "/tmp/x", "--compression", "gzip", "--log-json", "--log-level", "debug")
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	set := []any{
		got.NATSStreamName, got.NATSConsumerName, got.MaxAge, got.BufferToDisk, got.TempDir, string(got.Compression),
	}
	if want := []any{"ORDERS", "backup", time.Minute, false, "/tmp/x", "gzip"}; !reflect.DeepEqual(set, want) {
		t.Errorf("got %v, want %v", set, want)
	}
	if !strings.Contains(log, `"level":"DEBUG","msg":"details"`) {
		t.Errorf("log %q", log)
	}
}

func TestAppSkeletonKnowsTheFlagsOfV010(t *testing.T) {
	env := map[string][]string{"nats-context": {"NATS_CONTEXT"}, "nats-server": {"NATS_URL"}, "nats-creds": {"NATS_CREDS"}}
	want := []string{
		"nats-context", "nats-server", "nats-creds", "nats-inbox-prefix", "stream-name s", "consumer-name c", "max-age",
		"buffer-to-disk", "tmp-dir", "compression", "log-json", "log-level",
	}
	var got []string
	for _, f := range jetcapture.NewAppSkeleton[int, int](nil).Flags {
		got = append(got, strings.Join(f.Names(), " "))
		vars := f.(cli.DocGenerationFlag).GetEnvVars()
		if !slices.Equal(vars, env[f.Names()[0]]) {
			t.Errorf("%s reads the environment variables %q", f.Names()[0], vars)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("flags %q\nwant %q", got, want)
	}
}

func TestAppSkeletonRefusals(t *testing.T) {
	tests := map[string]struct {
		args []string
		want []string
	}{
		"log level":    {[]string{"--log-level", "loud"}, []string{`unknown --log-level "loud": use one of debug, info`}},
		"all missing":  {nil, []string{"NATSStreamName", "MessageDecoder", "WriterFactory", "Store"}},
		"compression":  {[]string{"--compression", "lzma"}, []string{"Compression", "lzma"}},
		"unknown flag": {[]string{"--nats-sever", "x"}, []string{"nats-sever"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := runSkeleton(t, nil, tc.args...)
			for _, want := range tc.want {
				wantText(t, err, want)
			}
		})
	}
}
