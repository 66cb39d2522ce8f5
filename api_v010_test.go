package jetcapture_test

import (
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/jetcapture/jetcapture"
	"github.com/nats-io/nats.go"
	"github.com/urfave/cli/v2"
	"go.uber.org/zap"
)

// This file uses the API of v0.1.0 as its documentation printed it. It must compile for ever.

// Constants. None is typed, GZip and Snappy are not.
const (
	_ jetcapture.Compression = jetcapture.None
	_ string                 = jetcapture.GZip
	_ string                 = jetcapture.Snappy
	_ jetcapture.Compression = jetcapture.GZip
	_ time.Duration          = jetcapture.DefaultMaxAge
)

// v010 is generic because generic signatures can only be written inside something generic. It is instantiated below.
type v010[P jetcapture.Payload, K jetcapture.DestKey] struct{}

// Functions.
func (v010[P, K]) functions() {
	type decoder = func(msg *nats.Msg) (*jetcapture.NatsMessage, K, error)
	type setup = func(c *cli.Context, options *jetcapture.Options[P, K]) error
	var _ func(resolve func(msg *nats.Msg) K) decoder = jetcapture.NatsToNats[K]
	var _ func(setup) *cli.App = jetcapture.NewAppSkeleton[P, K]
	var _ func(newLogger *zap.Logger) = jetcapture.SetDefaultLogger
	var _ func(msg *nats.Msg) string = jetcapture.SubjectToDestKey
	type azure = *jetcapture.AzureBlobStore[K]
	var _ func(azcore.TokenCredential, jetcapture.BuildURLBase[K]) (azure, error) = jetcapture.NewAzureBlobStore[K]
	var _ func(path string) jetcapture.BlockStore[K] = jetcapture.SingleDirStore[K]
	var _ func(opts jetcapture.Options[P, K]) *jetcapture.Capture[P, K] = jetcapture.New[P, K]
	var _ func([]string, func(P) ([][]string, error)) jetcapture.FormattedDataWriter[P] = jetcapture.NewCSVWriter[P]
	var _ func() *jetcapture.Options[P, K] = jetcapture.DefaultOptions[P, K]
}

// Methods.
func (v010[P, K]) methods() {
	type write = func(ctx context.Context, block io.Reader, destKey K, dir, fileName string) (string, error)
	var _ write = (*jetcapture.AzureBlobStore[K])(nil).Write
	var _ write = (*jetcapture.LocalFSStore[K])(nil).Write
	var _ func(ctx context.Context, nc *nats.Conn) error = (*jetcapture.Capture[P, K])(nil).Run
	var _ func() *jetcapture.Capture[P, K] = (*jetcapture.Options[P, K])(nil).Build
	var _ func() error = (*jetcapture.Options[P, K])(nil).Validate
}

// The interfaces have exactly the methods of v0.1.0, so they convert in both directions.
func (v010[P, K]) interfaces(w jetcapture.FormattedDataWriter[P], s jetcapture.BlockStore[K]) {
	type writer interface {
		InitNew(out io.Writer) error
		Write(payload P) (int, error)
		Flush() error
	}
	type store interface {
		Write(ctx context.Context, block io.Reader, destKey K, dir, fileName string) (string, error)
	}
	var _ jetcapture.FormattedDataWriter[P] = writer(w)
	var _ jetcapture.BlockStore[K] = store(s)
	var _ jetcapture.FormattedDataWriter[P] = (*jetcapture.CSVWriter[P])(nil)
	var _ jetcapture.FormattedDataWriter[P] = (*jetcapture.NewLineDelimitedJSON[P])(nil)
	var _ jetcapture.BlockStore[K] = (*jetcapture.LocalFSStore[K])(nil)
	var _ jetcapture.BlockStore[K] = (*jetcapture.AzureBlobStore[K])(nil)
	var _ jetcapture.BuildURLBase[K] = func(context.Context, K) (string, error) { return "", nil }
}

// options uses every field of v0.1.0's Options.
func (v010[P, K]) options(
	decoder func(*nats.Msg) (P, K, error),
	factory func() jetcapture.FormattedDataWriter[P],
	store jetcapture.BlockStore[K],
) jetcapture.Options[P, K] {
	return jetcapture.Options[P, K]{
		NATSStreamName:   "S",
		NATSConsumerName: "c",
		Compression:      jetcapture.Snappy,
		Suffix:           "csv",
		BufferToDisk:     true,
		MaxAge:           time.Minute,
		MaxMessages:      1,
		TempDir:          "/tmp",
		MessageDecoder:   decoder,
		WriterFactory:    factory,
		Store:            store,
	}
}

func TestV010Compiles(t *testing.T) {
	api := v010[*pizza, string]{}
	api.functions()
	api.methods()
	api.interfaces(nil, nil)
	options := api.options(
		func(*nats.Msg) (*pizza, string, error) { return nil, "", nil },
		func() jetcapture.FormattedDataWriter[*pizza] { return &jetcapture.NewLineDelimitedJSON[*pizza]{} },
		&jetcapture.LocalFSStore[string]{Resolver: func(string) (string, error) { return "", nil }},
	)
	if err := options.Validate(); err != nil {
		t.Errorf("complete options: %v", err)
	}
	if options.Build() == nil || jetcapture.New(options) == nil {
		t.Error("nothing was built")
	}
}

func TestV010NatsMessage(t *testing.T) {
	m := jetcapture.NatsMessage{
		Subject:  "s",
		Reply:    "r",
		Header:   map[string][]string{"k": {"v"}},
		Data:     []byte("d"),
		Metadata: &nats.MsgMetadata{Stream: "S"},
	}
	const want = `{"subject":"s","reply":"r","header":{"k":["v"]},"data":"ZA==","metadata":{` +
		`"Sequence":{"consumer_seq":0,"stream_seq":0},` +
		`"NumDelivered":0,"NumPending":0,"Timestamp":"0001-01-01T00:00:00Z","Stream":"S","Consumer":"","Domain":""}}`
	if got := marshal(t, m); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestV010Constants(t *testing.T) {
	got := []any{jetcapture.None, jetcapture.GZip, jetcapture.Snappy, jetcapture.DefaultMaxAge}
	want := []any{jetcapture.Compression("none"), "gzip", "snappy", 15 * time.Minute}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestV010DefaultOptions(t *testing.T) {
	o := jetcapture.DefaultOptions[*pizza, string]()
	wantEqual(t, "Compression", o.Compression, jetcapture.None)
	wantEqual(t, "MaxAge", o.MaxAge, jetcapture.DefaultMaxAge)
	wantEqual(t, "TempDir", o.TempDir, os.TempDir())
	wantEqual(t, "MaxMessages", o.MaxMessages, 0)
}

func TestV010ValidateAndRunAskForWhatIsMissing(t *testing.T) {
	o := jetcapture.DefaultOptions[*pizza, string]()
	runErr := o.Build().Run(t.Context(), nil)
	for _, err := range []error{o.Validate(), runErr} {
		for _, field := range []string{"NATSStreamName", "MessageDecoder", "WriterFactory", "Store"} {
			wantText(t, err, field)
		}
	}
	o.Store = jetcapture.SingleDirStore[string](t.TempDir())
	if err := o.Validate(); !strings.Contains(err.Error(), "NATSConsumerName") {
		t.Errorf("with a Store, error %v lacks NATSConsumerName", err)
	}
}

func TestV010WritersCountRows(t *testing.T) {
	var out strings.Builder
	csv := jetcapture.NewCSVWriter([]string{"n"}, func(p *pizza) ([][]string, error) {
		return [][]string{{p.Name}, {"y"}}, nil
	})
	rows := func(w jetcapture.FormattedDataWriter[*pizza]) int {
		if err := w.InitNew(&out); err != nil {
			t.Fatal(err)
		}
		n, err := w.Write(&pizza{Name: "x"})
		if err := errors.Join(err, w.Flush()); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := rows(csv); n != 2 {
		t.Errorf("CSV: %d rows", n)
	}
	if n := rows(new(jetcapture.NewLineDelimitedJSON[*pizza])); n != 1 {
		t.Errorf("NDJSON: %d rows", n)
	}
	if want := "n\nx\ny\n{\"name\":\"x\",\"price\":0}\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
