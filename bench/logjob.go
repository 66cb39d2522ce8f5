package main

import (
	"context"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/nats-io/nats.go"
)

// logRoot is where an archive keeps its cut logs, see docs/FORMAT.md.
const logRoot = "_jetcapture/"

// messagesPerCut is how often the part "log" makes a cut.
const messagesPerCut = 100_000

// logOptions copy payloads as lines into files, one after the other, with a cut for each.
func logOptions() *jetcapture.Options[*nats.Msg, string] {
	return &jetcapture.Options[*nats.Msg, string]{
		Compression:    jetcapture.Zstd,
		Suffix:         "ndjson",
		MaxAge:         24 * time.Hour,
		MaxMessages:    messagesPerCut,
		MessageDecoder: func(m *nats.Msg) (*nats.Msg, string, error) { return m, "all", nil },
		WriterFactory:  func() jetcapture.FormattedDataWriter[*nats.Msg] { return &payloadLines{} },
	}
}

// payloadLines writes each payload as a line.
type payloadLines struct{ out io.Writer }

func (w *payloadLines) InitNew(out io.Writer) error {
	w.out = out
	return nil
}

func (w *payloadLines) Write(m *nats.Msg) (int, error) {
	if _, err := w.out.Write(m.Data); err != nil {
		return 0, err
	}
	if _, err := w.out.Write([]byte{'\n'}); err != nil {
		return 0, err
	}
	return 1, nil
}

func (w *payloadLines) Flush() error { return nil }

// runLog is the part "log". The cost of the cut log is the difference between a log on the disk and one in memory.
func runLog(ctx context.Context, args []string, _, stderr io.Writer) error {
	flags, s := libraryFlags("log", stderr)
	flags.BoolVar(&s.logInMemory, "log-in-memory", false, "keep the cut log in memory, the files in the directory")
	if err := flags.Parse(args); err != nil {
		return usage(err)
	}
	return archiveOnce(ctx, s, logOptions(), stderr)
}

// splitBucket keeps the cut logs in memory and everything else in another bucket. When the process has ended, the
// archive has no log.
type splitBucket struct {
	bucket.Bucket
	logs *bucket.Mem
}

func newSplitBucket(files bucket.Bucket) splitBucket { return splitBucket{files, bucket.NewMem()} }

// of returns the bucket of an object.
func (s splitBucket) of(name string) bucket.Bucket {
	if strings.HasPrefix(name, logRoot) {
		return s.logs
	}
	return s.Bucket
}

func (s splitBucket) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	return s.of(name).PutNew(ctx, name, body, opts)
}

func (s splitBucket) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	return s.of(name).Open(ctx, name, offset, length)
}

func (s splitBucket) Stat(ctx context.Context, name string) (bucket.Info, error) {
	return s.of(name).Stat(ctx, name)
}

func (s splitBucket) List(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	return s.of(prefix).List(ctx, prefix, after)
}

// logProgram makes the command of the part "log".
func logProgram(more ...string) func(target) []string {
	return func(t target) []string {
		return append([]string{t.self, "log", "-url", t.url, "-stream", t.stream, "-output", t.output}, more...)
	}
}
