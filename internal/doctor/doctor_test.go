package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/logstore"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/permission"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, natstest.IgnoreServer()...) }

// closable is a bucket as Examine wants it.
type closable struct{ bucket.Bucket }

func (closable) Close() error { return nil }

// healthy is an examination in which nothing is wrong. It has a server of its own, whose stream holds messages.
func healthy(t *testing.T, stream jetstream.StreamConfig, messages int) (Config, *nats.Conn) {
	t.Helper()
	srv := natstest.Start(t)
	nc := srv.Connect()
	stream.Name = "ORDERS"
	natstest.CreateStream(t, nc, stream)
	natstest.PublishN(t, nc, "orders.eu", messages)
	mem := bucket.NewMem()
	return Config{
		Connect: func(options ...nats.Option) (*nats.Conn, string, error) {
			nc, err := nats.Connect(srv.URL(), options...)
			return nc, "", err
		},
		Open:    func(context.Context, bool) (Store, error) { return closable{mem}, nil },
		Decode:  func(m *nats.Msg) (string, error) { return m.Subject, nil },
		Capture: permission.Capture{Stream: "ORDERS", Create: true, Ephemeral: "jetcapture-ORDERS-here"},
		Log:     "ORDERS", Output: "mem://", MaxAge: 15 * time.Minute, MemoryLimit: 32 << 20, SpoolLimit: 1,
		BufferToDisk: true, TempDir: t.TempDir(), Captures: 1,
	}, nc
}

// findings are the checks in a state, as text.
func findings(checks []Check, state State) (texts []string) {
	for _, c := range checks {
		if c.State == state {
			texts = append(texts, c.Number+" "+c.Seen)
		}
	}
	return texts
}

// wantCheck wants a check with this number and state whose text has a part. One that is not well must say what to do.
func wantCheck(t *testing.T, checks []Check, number string, state State, part string) {
	t.Helper()
	for _, c := range checks {
		if c.Number == number && c.State == state && strings.Contains(c.Seen+" "+c.Why+" "+c.Mend, part) {
			if (state == Problem || state == Warning) && (c.Why == "" || c.Mend == "") {
				t.Errorf("%s does not say why it matters or what mends it: %+v", number, c)
			}
			return
		}
	}
	t.Errorf("no check %s %s with %q in %+v", number, state, part, checks)
}

func TestHealthy(t *testing.T) {
	cfg, nc := healthy(t, jetstream.StreamConfig{}, 10)
	checks := Examine(t.Context(), cfg)
	if bad := append(findings(checks, Problem), findings(checks, Warning)...); len(bad) > 0 {
		t.Errorf("found %q", bad)
	}
	if !Healthy(checks) {
		t.Error("it is not healthy")
	}
	for _, number := range []string{"N1", "N2", "N3", "N4", "N5", "N6", "N7", "N8", "N9", "S1", "L1", "X1", "X2"} {
		wantCheck(t, checks, number, OK, "")
	}
	wantCheck(t, checks, "S3", Skipped, "too short to tell")
	if names := consumers(t, nc); len(names) > 0 {
		t.Errorf("it has left the consumers %q", names)
	}
	store, _ := cfg.Open(t.Context(), false)
	for info, err := range store.List(t.Context(), "", "") {
		t.Errorf("it has made %s (%v)", info.Name, err)
	}
}

// consumers are those of the stream.
func consumers(t *testing.T, nc *nats.Conn) (names []string) {
	t.Helper()
	stream, err := natstest.JetStream(t, nc).Stream(natstest.Context(t), "ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	all := stream.ConsumerNames(natstest.Context(t))
	for name := range all.Name() {
		names = append(names, name)
	}
	if err := all.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

// TestStream: what is said of streams, without a durable consumer.
func TestStream(t *testing.T) {
	for _, tt := range []struct {
		name   string
		stream jetstream.StreamConfig
		number string
		state  State
		part   string
	}{
		{"work queue", jetstream.StreamConfig{Retention: jetstream.WorkQueuePolicy}, "N4", Problem, "--consumer-name"},
		{"interest", jetstream.StreamConfig{Retention: jetstream.InterestPolicy}, "N4", Problem, "--consumer-name"},
		{"short age", jetstream.StreamConfig{MaxAge: 10 * time.Minute}, "N4", Problem, "max_age"},
		{"age of an hour and a half", jetstream.StreamConfig{MaxAge: 50 * time.Minute}, "N4", Warning, "max_age"},
		{"few messages", jetstream.StreamConfig{MaxMsgs: 12}, "N4", Problem, "max_msgs"},
		{"few bytes", jetstream.StreamConfig{MaxBytes: 1000}, "N4", Problem, "max_bytes"},
		{"newest of a subject", jetstream.StreamConfig{MaxMsgsPerSubject: 5}, "N4", Note, "newest 5"},
		{"ttl", jetstream.StreamConfig{AllowMsgTTL: true}, "N4", Note, "time to live"},
		{"rollup", jetstream.StreamConfig{AllowRollup: true}, "N4", Note, "roll up"},
		{"memory", jetstream.StreamConfig{Storage: jetstream.MemoryStorage}, "N4", Warning, "in memory"},
		{"no consumer fits in", jetstream.StreamConfig{MaxConsumers: 1}, "N6", OK, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, _ := healthy(t, tt.stream, 10)
			wantCheck(t, Examine(t.Context(), cfg), tt.number, tt.state, tt.part)
		})
	}
}

// TestConsumer: what is said of durable consumers.
func TestConsumer(t *testing.T) {
	sound := jetstream.ConsumerConfig{
		Durable: "archive", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, MaxAckPending: 1_000_000,
		MaxDeliver: -1,
	}
	for _, tt := range []struct {
		name  string
		edit  func(c *jetstream.ConsumerConfig)
		state State
		part  string
	}{
		{"sound", func(*jetstream.ConsumerConfig) {}, OK, "10 messages"},
		{"ack none", func(c *jetstream.ConsumerConfig) { c.AckPolicy = jetstream.AckNonePolicy }, Problem, "ack policy"},
		{"gives up", func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 3 }, Problem, "max_deliver is 3"},
		{"filter", func(c *jetstream.ConsumerConfig) { c.FilterSubject = "orders.us" }, Problem, "filters"},
		{"short wait", func(c *jetstream.ConsumerConfig) { c.AckWait = time.Minute }, Warning, "--wait 1h0m0s"},
		{"few pending", func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 1 }, Warning, "--max-pending"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, nc := healthy(t, jetstream.StreamConfig{}, 10)
			cfg.Capture.Durable = "archive"
			consumer := sound
			tt.edit(&consumer)
			if _, err := natstest.JetStream(t, nc).CreateConsumer(natstest.Context(t), "ORDERS", consumer); err != nil {
				t.Fatal(err)
			}
			checks := Examine(t.Context(), cfg)
			wantCheck(t, checks, "N5", tt.state, tt.part)
			wantCheck(t, checks, "N2", OK, "")
		})
	}
}

// TestDoctorMovesNoConsumer: what is tried on a consumer delivers, acknowledges and resets nothing.
func TestDoctorMovesNoConsumer(t *testing.T) {
	cfg, nc := healthy(t, jetstream.StreamConfig{Retention: jetstream.WorkQueuePolicy}, 10)
	cfg.Capture.Durable = "archive"
	consumer, err := natstest.JetStream(t, nc).CreateConsumer(natstest.Context(t), "ORDERS", jetstream.ConsumerConfig{
		Durable: "archive", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, MaxDeliver: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		m, err := consumer.Next()
		if err != nil {
			t.Fatal(err)
		}
		_ = m // it stays unacknowledged
	}
	before, err := consumer.Info(natstest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	if checks := Examine(t.Context(), cfg); !Healthy(checks) {
		t.Errorf("found %q", findings(checks, Problem))
	}
	after, err := consumer.Info(natstest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	if before.Delivered.Consumer != after.Delivered.Consumer || before.NumAckPending != after.NumAckPending ||
		before.AckFloor.Stream != after.AckFloor.Stream || after.NumWaiting != 0 {
		t.Errorf("the consumer was moved: before %+v, after %+v", before, after)
	}
}

// overwriting is a store that accepts every put.
type overwriting struct{ bucket.Bucket }

func (o overwriting) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	if err := o.Bucket.PutNew(ctx, name, body, opts); !errors.Is(err, bucket.ErrExists) {
		return err
	}
	return nil
}

func (overwriting) Close() error { return nil }

func TestStore(t *testing.T) {
	cfg, _ := healthy(t, jetstream.StreamConfig{}, 1)
	cfg.Write = true
	checks := Examine(t.Context(), cfg)
	wantCheck(t, checks, "S1", OK, "refuses to overwrite")
	store, _ := cfg.Open(t.Context(), true)
	if _, err := store.Stat(t.Context(), cutlog.ProbeName("ORDERS")); err != nil {
		t.Errorf("the object of the probe: %v", err)
	}

	cfg.Open = func(context.Context, bool) (Store, error) { return overwriting{bucket.NewMem()}, nil }
	checks = Examine(t.Context(), cfg)
	wantCheck(t, checks, "S1", Problem, "a second put")
	if Healthy(checks) {
		t.Error("a store that overwrites passes")
	}
}

// TestArchive: what is said of a log that is there.
func TestArchive(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format cutlog.Format
		damage bool
		state  State
		part   string
	}{
		{"another stream", cutlog.Format{Stream: "OTHER"}, false, Problem, "OTHER"},
		{"another filter", cutlog.Format{Stream: "ORDERS", Filter: []string{"orders.us"}}, false, Problem, "orders.us"},
		{"no log beside format.json", cutlog.Format{Stream: "ORDERS"}, true, Problem, "jetcapture verify"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, _ := healthy(t, jetstream.StreamConfig{}, 1)
			store, _ := cfg.Open(t.Context(), true)
			tt.format.Capture = "ORDERS"
			log := logstore.Store{Bucket: store}
			if tt.damage {
				record, err := cutlog.EncodeFormat(tt.format)
				if err == nil {
					err = log.PutNew(t.Context(), record.Name, record.Data)
				}
				if err != nil {
					t.Fatal(err)
				}
			} else {
				begin(t, log, tt.format)
			}
			wantCheck(t, Examine(t.Context(), cfg), "X1", tt.state, tt.part)
		})
	}
}

// begin puts the opening plan of a log.
func begin(t *testing.T, store logstore.Store, f cutlog.Format) {
	t.Helper()
	f.Version = cutlog.Version
	stream := cutlog.Stream{Name: f.Stream, Created: time.Now().UTC()}
	plan := &cutlog.Plan{
		N: 1, Writer: cutlog.Writer{Instance: "here", Boot: "0123456789abcdef"}, Time: time.Now().UTC(),
		Stream: stream, Incarnation: cutlog.IncarnationID("ORDERS", f.Stream, stream.Created, 1),
		Reason: cutlog.ReasonOpen, Opens: true, Opened: 1, Format: &f,
	}
	record, err := cutlog.EncodePlan("ORDERS", plan)
	if err == nil {
		err = store.PutNew(t.Context(), record.Name, record.Data)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestPoison(t *testing.T) {
	cfg, _ := healthy(t, jetstream.StreamConfig{}, 300)
	n := 0
	cfg.Decode = func(*nats.Msg) (string, error) {
		if n++; n%4 == 0 {
			return "", errors.New("no JSON")
		}
		return fmt.Sprint(n), nil
	}
	checks := Examine(t.Context(), cfg)
	wantCheck(t, checks, "X2", Warning, "25 of the newest 100 messages are poison; sequence 204: no JSON")
}

// TestForecast: of one key in windows of a quarter of an hour, and of a key for each message in windows of a second.
func TestForecast(t *testing.T) {
	steady := rate{messages: 10, bytes: 1000, over: time.Hour}
	few := &exam{
		Config: Config{MaxAge: 15 * time.Minute, Folder: "x"},
		sample: sampleFacts{rate: steady, rateKnown: true, messages: 100, keys: 1},
	}
	few.forecast()
	wantCheck(t, few.checks, "S3", Note, "96 files a day")
	many := &exam{
		Config: Config{MaxAge: time.Second},
		sample: sampleFacts{rate: steady, rateKnown: true, messages: 100, keys: 100},
	}
	many.forecast()
	wantCheck(t, many.checks, "S3", Warning, "--max-age, such as 15m")
	wantCheck(t, many.checks, "S3", Warning, "list price")
}

// TestNoServer: the checks of store and machine do not need one.
func TestNoServer(t *testing.T) {
	cfg, _ := healthy(t, jetstream.StreamConfig{}, 1)
	cfg.Connect = func(...nats.Option) (*nats.Conn, string, error) { return nil, "", nats.ErrNoServers }
	checks := Examine(t.Context(), cfg)
	wantCheck(t, checks, "N1", Problem, nats.ErrNoServers.Error())
	wantCheck(t, checks, "S1", OK, "")
	wantCheck(t, checks, "L1", OK, "")
	if Healthy(checks) {
		t.Error("it is healthy without a server")
	}
}
