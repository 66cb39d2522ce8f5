package jetcapture

import (
	"log/slog"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/nats-io/nats.go"
)

// Payload is what a decoder makes of a message and a writer turns into rows.
type Payload interface {
	any
}

// DestKey is how messages are grouped: each key has its own blocks.
type DestKey interface {
	comparable
}

// The defaults of Options. DefaultMaxAge is also the default of v0.1.0.
const (
	DefaultMaxAge       = time.Minute * 15
	DefaultGrace        = 30 * time.Second
	DefaultDrainTimeout = 25 * time.Second
	DefaultMemoryLimit  = 32 << 20
	DefaultSpoolLimit   = 10 << 30
	DefaultStoreWorkers = 8
	DefaultTakeover     = 10 * time.Second
)

// Options says what a Capture reads, how it decodes and groups it, and where it stores it. NATSStreamName, MessageDecoder,
// WriterFactory and one of Archive and Store are required; everything else has a useful zero value. The value is copied by Build and New
// and not looked at after that.
type Options[P Payload, K DestKey] struct {
	// NATSStreamName is the stream to capture. Required.
	NATSStreamName string
	// NATSConsumerName is the durable consumer to read through. With Archive it may be empty: the stream is then read through an
	// ephemeral consumer of our own, which needs limits retention. With Store it is required.
	NATSConsumerName string
	// Compression of the files. Zero: None.
	Compression Compression
	// CompressionLevel is the level in the codec's own scale. Zero: a level that favours speed.
	CompressionLevel int
	// Suffix is the file's suffix without the codec's, such as "csv" or "ndjson". Zero: none.
	Suffix string
	// BufferToDisk allows open blocks to go to a file in TempDir when MemoryLimit is reached. When false, a cut is made instead.
	BufferToDisk bool
	// MaxAge is the length of a window. Zero: DefaultMaxAge.
	MaxAge time.Duration
	// MaxMessages closes a file that holds so many messages and goes on in a next one. Zero: no limit.
	MaxMessages int
	// TempDir is where the spool goes. Zero: os.TempDir().
	TempDir string

	// MessageDecoder makes payload and key of a message. It must give the same result for the same message, whenever it is called; the
	// message must not be modified or kept, unless as (part of) the payload. An error or a panic makes the message poison (see Poison);
	// ErrSkip leaves it out on purpose. It is called from one goroutine, unless DecodeWorkers is above 1. Required.
	MessageDecoder func(*nats.Msg) (P, K, error)
	// WriterFactory returns a new writer for each block. It is called from one goroutine, but from several for a BufferedWriter with
	// DecodeWorkers above 1. Required.
	WriterFactory func() FormattedDataWriter[P]
	// Store takes finished blocks, at least once each: the API of v0.1.0. Exactly one of Store and Archive must be set.
	Store BlockStore[K]

	// Archive keeps each message in exactly one file. Exactly one of Store and Archive must be set.
	Archive ArchiveOptions[K]

	// FilterSubjects restricts the capture to these subjects, none of which may be part of another. It is fixed for the life of a capture.
	// Zero: the whole stream.
	FilterSubjects []string
	// Start is where a new capture begins. An existing one goes on where it was. Zero: all that the stream holds.
	Start Start
	// Once ends Run when the last sequence that the stream held at its start is stored.
	Once bool
	// CreateConsumer creates the durable consumer NATSConsumerName when it is missing. When false it must exist.
	CreateConsumer bool
	// APIPrefix is the subject prefix of the JetStream API. Zero: "$JS.API"; "$JS.<domain>.API" for a domain.
	APIPrefix string

	// MaxBytes closes a file that holds so many bytes before compression and goes on in a next one. Zero: no limit.
	MaxBytes int64
	// MaxIdle makes a cut when no message came for so long. Zero: the end of the window is awaited.
	MaxIdle time.Duration
	// Grace is how long after the end of a window, in stream time, its blocks stay open for late messages. It is at most MaxAge.
	// Zero: DefaultGrace.
	Grace time.Duration
	// DrainTimeout bounds the last cut after the context of Run is cancelled. Zero: DefaultDrainTimeout.
	DrainTimeout time.Duration
	// MemoryLimit is the budget in bytes for open blocks and messages in flight. Zero: DefaultMemoryLimit. Whatever it is, two pulls are in flight, each
	// of at least twice the largest message that the server takes.
	MemoryLimit int64
	// SpoolLimit is the budget in bytes for open blocks on disk. Over it, a cut is made, and reading waits until it is stored. Zero: DefaultSpoolLimit.
	SpoolLimit int64
	// DecodeWorkers is how many goroutines call MessageDecoder; the order of the messages is kept. Zero: 1.
	DecodeWorkers int
	// StoreWorkers is how many files are stored at the same time. Zero: DefaultStoreWorkers.
	StoreWorkers int
	// DecoderVersion names what MessageDecoder and WriterFactory do. It goes into each plan; a cut that another version planned is not
	// finished by this one: Run stops and prints both.
	DecoderVersion string
	// Settings are further facts that shape the bytes of the files, as text for the plan. Zero: none.
	Settings map[string]string

	// ForPlan returns options whose decoder, writer, compression and suffix are those under which a cut was planned, so that a cut which
	// was interrupted is finished as planned after the options have changed. settings are the plan's: Settings with "x_" in front of each
	// name, and what Run adds itself. Zero: Run stops at such a cut and prints both, unless only what Run knows by itself has changed.
	ForPlan func(settings map[string]string) (Options[P, K], error)

	// Poison says what becomes of messages that cannot be decoded or written. Zero: PoisonFail.
	Poison PoisonPolicy
	// DeadLetters takes the dead letters of a capture without an archive; with one they are stored there. It is called before the
	// message is acknowledged, possibly again for the same message. Required with PoisonDeadLetter and Store.
	DeadLetters DeadLetterFunc

	// Logger gets the log. Zero: the logger of SetDefaultLogger, or slog.Default() if none was set.
	Logger *slog.Logger
	// Hooks are called when something happened. Zero: none.
	Hooks Hooks

	// crash is called at each arrow of the protocol, for tests that die there.
	crash func(point string)
}

// ArchiveOptions is where a capture with a cut log stores its files, see package cutlog.
type ArchiveOptions[K DestKey] struct {
	// Bucket holds the archive. It must refuse to overwrite: Run checks that. Required.
	Bucket bucket.Bucket
	// Segments makes of a key the directories below the root, not escaped: Run escapes them so that no key leaves the root or meets
	// another. Zero: a key whose kind is string is one segment, any other is one segment as fmt.Sprint prints it. It must be a function
	// of the key alone. No segments put the window's directory into the root.
	Segments func(key K) ([]string, error)
	// Layout makes of the segments of a key and the start of a window (UTC) the directories below the root, one at least, not escaped: Run
	// escapes them. Zero: the segments, then year, month, day, hour and minute of the window. It must be a function of the two alone, and
	// different keys should not meet. It is called from one goroutine. A file stays where it was planned whatever Layout is at the next start.
	Layout func(segments []string, window time.Time) []string
	// Capture names the cut log. One archive can hold many captures. Zero: the stream's name.
	Capture string
	// Instance names this process among those that work on the same capture. Zero: the host name plus a number that is free on this host.
	Instance string
	// Takeover is how long the cut of another live process is left to it before we finish it. Zero: DefaultTakeover.
	Takeover time.Duration
}

// DefaultOptions returns options with the defaults of v0.1.0 filled in. Options built without it behave the same.
func DefaultOptions[P Payload, K DestKey]() *Options[P, K] {
	o := (&Options[P, K]{}).withDefaults()
	return &o
}
