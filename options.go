package jetcapture

import (
	"log/slog"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/nats-io/nats.go"
)

// Payload stands for any type: that of your rows, such as *Order. A MessageDecoder makes a payload of a message, and a
// FormattedDataWriter makes rows of it. There is nothing to implement.
type Payload any

// DestKey stands for any type that == compares: that of your keys, such as string or a struct of strings. Messages with
// equal keys go into the same files. There is nothing to implement.
type DestKey interface{ comparable }

// The defaults of Options. DefaultMaxAge is also the default of v0.1.0.
const (
	DefaultMaxAge       = time.Minute * 15
	DefaultGrace        = 30 * time.Second
	DefaultDrainTimeout = 25 * time.Second
	DefaultMemoryLimit  = 32 << 20 // bytes
	DefaultSpoolLimit   = 10 << 30 // bytes
	DefaultStoreWorkers = 8
	DefaultTakeover     = 10 * time.Second
	DefaultWait         = time.Minute
)

// Options says what a Capture reads, how it decodes and groups it, and where it stores it. NATSStreamName,
// MessageDecoder, WriterFactory and one of Archive and Store are required. Every other field may be left zero. Build
// and New copy the value, so later changes of it have no effect.
type Options[P Payload, K DestKey] struct {
	// NATSStreamName is the stream to capture. Required.
	NATSStreamName string
	// NATSConsumerName is the durable consumer to read through. With Store it is required. With Archive it may be empty:
	// then an ephemeral consumer is used, which a stream with limits retention allows.
	NATSConsumerName string
	// Compression is the codec of the files. Empty means None; the command's default is GZip, and Zstd in Parquet.
	Compression Compression
	// CompressionLevel is a level in the codec's own scale: 1 to 9 for GZip, 1 to 22 for Zstd. 0 means one that favours
	// speed.
	CompressionLevel int
	// Suffix is the part of a file's name that names the format, such as "csv" or "ndjson". The suffix of the codec
	// follows it. Empty means that there is none.
	Suffix string
	// BufferToDisk lets open blocks go to a file in TempDir when MemoryLimit is reached. If it is false, a cut is made
	// instead. It is on by default in the command.
	BufferToDisk bool
	// MaxAge is the length of a window. Windows are aligned to UTC. 0 means DefaultMaxAge.
	MaxAge time.Duration
	// MaxMessages is how many messages a file may hold. Further ones go into another file. 0 means no limit.
	MaxMessages int
	// TempDir is the directory of the spool, the temporary file of open blocks. Empty means os.TempDir().
	TempDir string

	// MessageDecoder makes payload and key of a message. It must give the same result whenever it is called for the same
	// message. It must neither change the message nor keep it, except as (part of) the payload. An error or a panic makes
	// the message poison, see Poison; ErrSkip leaves the message out on purpose. It is called by one goroutine at a time,
	// unless DecodeWorkers is above 1. Required.
	//
	// Of a header block that a client parses in part, the decoder finds the whole under the empty name, Header[""], which
	// is no name that a message can have. NatsToNats makes HeaderRaw of it.
	MessageDecoder func(*nats.Msg) (P, K, error)
	// WriterFactory returns a new writer for a block. It is called by one goroutine at a time, except for an EagerWriter,
	// and for a BufferedWriter if DecodeWorkers is above 1. Required.
	WriterFactory func() FormattedDataWriter[P]
	// Store takes the files of a capture that promises at least once. It is the API of v0.1.0. Set either Store or
	// Archive.
	Store BlockStore[K]

	// Archive says where a capture that promises exactly once keeps its files. Set either Archive or Store.
	Archive ArchiveOptions[K]

	// FilterSubjects restricts the capture to these subjects, which may have wildcards. None may be part of another. A
	// capture with an archive keeps its filter for life. Empty means the whole stream.
	FilterSubjects []string
	// Start is where a new capture begins; an existing one goes on where it was. It must be zero with Store and with
	// NATSConsumerName, where the consumer decides. The zero value means all that the stream holds.
	Start Start
	// Once ends Run when everything is stored that the stream held at the start.
	Once bool
	// Until, if above 0, ends Run when everything up to this stream sequence is stored, and leaves out what is behind it;
	// with Start.Seq the capture is of a range. Run waits for messages that are still to come. If the stream is replaced
	// by another one, Run ends with an error: its sequences are not those that were meant. It needs an Archive, and no
	// durable consumer.
	Until uint64
	// Sample, if above 0, makes Run a rehearsal, with Once: it reads only so many messages, and fewer if they are large or
	// come slowly. It asks for each by itself, so that no consumer is created or moved, and acknowledges nothing. Archive
	// takes the files as always; give it bucket.NewMem, so that nothing is stored.
	Sample int
	// CreateConsumer creates the durable consumer NATSConsumerName if it is missing. If it is false, the consumer must
	// exist. It is on by default in the command.
	CreateConsumer bool
	// APIPrefix is the subject prefix of the JetStream API; that of a domain is "$JS.<domain>.API". Empty means "$JS.API".
	APIPrefix string

	// MaxBytes is the size in bytes, before compression, at which a file is complete. Further messages go into another
	// file. Where a writer holds its rows back, the size is that of the messages. 0 means no limit; the command's default
	// is 128 MiB.
	MaxBytes int64
	// MaxIdle makes a cut when no message came for so long. 0 means that a cut waits for the end of the window.
	MaxIdle time.Duration
	// Grace is how long after the end of a window its blocks stay open while no message comes, since clocks differ. A
	// message of a later window ends it at once. It is never more than MaxAge. 0 means DefaultGrace.
	Grace time.Duration
	// DrainTimeout bounds the last cut, which is made when the context of Run is cancelled. 0 means DefaultDrainTimeout.
	DrainTimeout time.Duration
	// Wait is how long a start waits for a server or a store that cannot be reached, or does not answer yet. What is
	// plainly wrong ends Run at once, such as credentials, the name of the stream or of the bucket. Once reading has
	// begun, both are waited for without end. 0 means DefaultWait.
	Wait time.Duration
	// MemoryLimit is the budget in bytes for open blocks and messages in flight. Whatever it is, two pulls are in flight,
	// each of at least twice the largest message that the server takes. 0 means DefaultMemoryLimit.
	MemoryLimit int64
	// SpoolLimit is the budget in bytes for open blocks on disk. When it is used up, a cut is made, and reading waits
	// until that is stored. 0 means DefaultSpoolLimit.
	SpoolLimit int64
	// Budget is shared with other captures of the process. MemoryLimit and SpoolLimit do not count then. Nil means limits
	// of its own.
	Budget *Budget
	// DecodeWorkers is how many goroutines call MessageDecoder. The order of the messages is kept. 0 means 1; the
	// command takes as many as there are processors.
	DecodeWorkers int
	// StoreWorkers is how many files are stored at the same time. 0 means DefaultStoreWorkers.
	StoreWorkers int
	// DecoderVersion names what MessageDecoder and WriterFactory do. Change it together with them. Each plan in the log
	// keeps it, and a cut that was planned under another version is not finished by this one: see ForPlan.
	DecoderVersion string
	// Settings are further facts that shape the bytes of the files. Each plan in the log keeps them as text. With
	// "format", one of ndjson, csv, parquet, avro and raw, a verification counts the rows of the files; for csv without a
	// header, "csv_header" is "false".
	Settings map[string]string

	// ForPlan returns earlier options, so that Run can finish a cut that was planned with them and then interrupted. Run
	// uses their decoder, writer, compression and suffix. settings are what the plan keeps: Settings, each name with "x_"
	// in front, and what Run adds. Without ForPlan, Run finishes such a cut only if nothing but compression, suffix and
	// MaxAge has changed. Otherwise it stops with an error that has both settings.
	ForPlan func(settings map[string]string) (Options[P, K], error)

	// Poison says what becomes of messages that cannot be decoded or written. Empty means PoisonFail: such a message ends
	// Run, and every later one, until it is gone or this is changed. The command's default is PoisonDeadLetter.
	Poison PoisonPolicy
	// DeadLetters takes the dead letters of a capture with a Store, before their messages are acknowledged. An archive
	// keeps them itself. Required with PoisonDeadLetter and Store.
	DeadLetters DeadLetterFunc

	// Logger gets the log. If it is nil, the logger of SetDefaultLogger is used, or slog.Default() if none was set.
	Logger *slog.Logger
	// Hooks are called when something happens. Each may be nil.
	Hooks Hooks

	// crash is called at each step of the protocol, for tests that die there.
	crash func(point string)
	// secondLook is the time until a stream that seems to be rolled back is looked at again, shorter in tests; 0 means the
	// default.
	secondLook time.Duration
}

// ArchiveOptions says where a capture that promises exactly once keeps its files and its log.
type ArchiveOptions[K DestKey] struct {
	// Bucket holds the archive. It must refuse to overwrite; Run checks that. Run does not close it. Required.
	Bucket bucket.Bucket
	// Segments makes of a key the directories below the root. Run escapes them, so that no key leaves the root or meets
	// another. It must depend on the key alone, and is called by one goroutine. An error or a panic makes the message
	// poison. No segments at all put the window's directory into the root. If Segments is nil, the key is one segment: a
	// string as it is, anything else as fmt.Sprint prints it.
	Segments func(key K) ([]string, error)
	// Layout makes of the segments of a key and the start of a window, in UTC, the directories below the root, at least
	// one. Run escapes them. It must depend on its arguments alone, different keys should not meet, and it is called by
	// one goroutine. It may change between two starts: planned files stay where they were planned. If Layout is nil, the
	// directories are the segments, then year, month, day, hour and minute.
	Layout func(segments []string, window time.Time) []string
	// Capture names the log. An archive can hold several captures. Empty means the stream's name.
	Capture string
	// Instance names this process among those that work on the same capture, in letters, digits, "_" and "-". Empty means
	// the host's name and a number that is free on this host.
	Instance string
	// Takeover is how long an unfinished cut of another process is left to it, before this one finishes it. 0 means
	// DefaultTakeover. With Once, such a cut is finished at once.
	Takeover time.Duration
}

// DefaultOptions returns options with the defaults of v0.1.0 filled in. Options that leave these fields zero behave the
// same.
func DefaultOptions[P Payload, K DestKey]() *Options[P, K] {
	o := (&Options[P, K]{}).withDefaults()
	return &o
}
