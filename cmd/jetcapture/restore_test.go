package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/parquetwriter"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// restoring is a server whose stream ORDERS, with limits of its own, was captured with 50 messages.
type restoring struct {
	t      *testing.T
	srv    *natstest.Server
	nc     *nats.Conn
	js     jetstream.JetStream
	folder string
}

func newRestoring(t *testing.T, args ...string) *restoring {
	t.Helper()
	srv := natstest.Start(t)
	nc := srv.Connect()
	r := &restoring{t, srv, nc, natstest.JetStream(t, nc), filepath.Join(t.TempDir(), "archive")}
	natstest.CreateStream(t, nc, jetstream.StreamConfig{
		Name: "ORDERS", Subjects: []string{"orders.>"}, MaxAge: 48 * time.Hour, MaxMsgs: 50, Description: "all orders",
	})
	r.publish(50)
	captureOnce(t, srv, r.folder, append([]string{"--key", "subject[2]"}, args...)...)
	return r
}

func (r *restoring) publish(n int) {
	r.t.Helper()
	natstest.Publish(r.t, r.nc, n, func(i int) *nats.Msg {
		m := &nats.Msg{Subject: fmt.Sprintf("orders.%d", i%3), Data: fmt.Appendf(nil, `{"n":%d}`, i)}
		if i%4 == 0 {
			m.Header = nats.Header{"Trace": {fmt.Sprint(i)}}
		}
		return m
	})
}

// run runs jetcapture restore.
func (r *restoring) run(args ...string) result {
	r.t.Helper()
	return environment{}.run(r.t, append([]string{"restore", r.folder, "--nats-server", r.srv.URL()}, args...)...)
}

func (r *restoring) info(stream string) *jetstream.StreamInfo {
	r.t.Helper()
	s, err := r.js.Stream(r.t.Context(), stream)
	if err != nil {
		r.t.Fatal(err)
	}
	return s.CachedInfo()
}

// The cluster is gone: the stream comes back with what the archive knows of it, and the same capture goes on without a
// message twice.
func TestRestoreAndGoOn(t *testing.T) {
	for _, args := range [][]string{nil, {"--format", "raw"}} {
		r := newRestoring(t, args...)
		if err := r.js.DeleteStream(t.Context(), "ORDERS"); err != nil {
			t.Fatal(err)
		}
		got := r.run("--stream-name", "ORDERS", "--verify")
		if got.code != exitDone {
			t.Fatalf("%q: exit code %d: %s%s", args, got.code, got.stdout, got.stderr)
		}
		for _, part := range []string{
			"50 messages in 3 files", "all of them were compared", "max_age was 48h",
			"nats stream edit ORDERS --max-age=48h --max-msgs=50",
		} {
			if !strings.Contains(got.stdout, part) {
				t.Errorf("no %q in %s", part, got.stdout)
			}
		}
		info := r.info("ORDERS")
		if info.Config.Description != "all orders" || info.Config.MaxAge != 0 || info.State.Msgs != 50 ||
			info.Config.Metadata["io.jetcapture.restored"] == "" {
			t.Errorf("%+v", info)
		}
		r.publish(5)
		captureOnce(t, r.srv, r.folder, append([]string{"--key", "subject[2]"}, args...)...)
		lines := strings.Count(readingRun(t, "cat", r.folder, "--format", "payload"), "\n")
		if lines != 55 {
			t.Errorf("%q: %d messages in the archive, want 55", args, lines)
		}
		got = environment{}.run(t, "verify", r.folder, "--against-stream", "--nats-server", r.srv.URL())
		if got.code != exitDone || !strings.Contains(got.stdout, "compared with the streams: 55 messages\n") {
			t.Errorf("%q: exit code %d: %s%s", args, got.code, got.stdout, got.stderr)
		}
		wantSound(t, r.folder)
	}
}

func TestRestoreUnderAnotherName(t *testing.T) {
	r := newRestoring(t)
	got := r.run("--stream-name", "COPY", "--subjects", "copy.>", "--storage", "memory", "--seq", "11..20",
		"--subject", "orders.1", "--json")
	if got.code != exitDone {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	var report restoreReport
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
		t.Fatal(err)
	}
	if !report.Restored || report.Messages != 4 || report.Stored != 4 || report.From != 11 || report.To != 20 {
		t.Errorf("%+v", report)
	}
	info := r.info("COPY")
	if info.State.FirstSeq != 11 || info.State.LastSeq != 20 || info.Config.Storage != jetstream.MemoryStorage {
		t.Errorf("%+v", info)
	}
	for _, name := range []string{"COPY", "OTHER"} {
		if name == "OTHER" {
			natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: name, Subjects: []string{"other"}})
		}
		again := r.run("--stream-name", name, "--subjects", "new")
		wantReplay(t, again, exitFailed, "stream "+name+" exists: choose another name, or delete it first")
	}
}

// The files of formats with columns come back as the stream was, to the nanosecond.
func TestRestoreOfColumns(t *testing.T) {
	for _, args := range [][]string{
		{"--format", "parquet"}, {"--format", "parquet", "--payload", "json", "--compression", "gzip"}, {"--format", "avro"},
	} {
		r := newRestoring(t, args...)
		if got := r.run("--stream-name", "COPY", "--subjects", "copy.>", "--verify"); got.code != exitDone {
			t.Fatalf("%q: exit code %d: %s%s", args, got.code, got.stdout, got.stderr)
		}
		r.wantCopy()
	}
}

// wantCopy compares the stream COPY with the stream ORDERS.
func (r *restoring) wantCopy() {
	t := r.t
	t.Helper()
	for seq := uint64(1); seq <= 50; seq++ {
		var all [2]*jetstream.RawStreamMsg
		for i, name := range []string{"ORDERS", "COPY"} {
			s, err := r.js.Stream(t.Context(), name)
			if err == nil {
				all[i], err = s.GetMsg(t.Context(), seq)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(all[0], all[1]) {
			t.Errorf("%+v came back as %+v", all[0], all[1])
		}
	}
}

// captureRounded makes an archive whose Parquet files were planned before they had nanoseconds.
func (r *restoring) captureRounded() {
	t := r.t
	r.folder = filepath.Join(t.TempDir(), "old")
	dir, err := bucket.OpenDir(r.folder)
	if err != nil {
		t.Fatal(err)
	}
	first, err := parquetwriter.NewMessageWriter(parquetwriter.Options{OmitTimeNS: true}, false)
	if err != nil {
		t.Fatal(err)
	}
	o := jetcapture.Options[*parquetwriter.Message, string]{
		NATSStreamName: "ORDERS", Suffix: "parquet", Once: true, DecoderVersion: "jetcapture-1",
		Settings: map[string]string{"format": "parquet", "record": "message"},
		Archive:  jetcapture.ArchiveOptions[string]{Bucket: dir}, Logger: slog.New(slog.DiscardHandler),
		WriterFactory: func() jetcapture.FormattedDataWriter[*parquetwriter.Message] { return first.New() },
		MessageDecoder: func(m *nats.Msg) (*parquetwriter.Message, string, error) {
			meta, err := m.Metadata()
			if err != nil {
				return nil, "", err
			}
			return &parquetwriter.Message{
				Stream: "ORDERS", Seq: meta.Sequence.Stream, Time: meta.Timestamp, Subject: m.Subject, Header: m.Header,
				Payload: m.Data,
			}, "", nil
		},
	}
	if err := errors.Join(o.Build().Run(t.Context(), r.nc), dir.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestRestoreOfRoundedTimes(t *testing.T) {
	r := newRestoring(t)
	r.captureRounded()
	args := []string{"--stream-name", "COPY", "--subjects", "copy.>", "--like", "ORDERS", "--verify"}
	if got := r.run(args...); got.code != exitFailed || !strings.Contains(got.stderr, "--allow-rounded-times") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	got := r.run(append(args, "--allow-rounded-times")...)
	if got.code != exitDone || !strings.Contains(got.stdout, "with times in microseconds, as in their files: 50") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
}

func TestRestoreAsAMirror(t *testing.T) {
	r := newRestoring(t)
	r.publish(30) // the oldest 30 leave the stream
	got := r.run("--stream-name", "DEEP", "--as-mirror-of", "ORDERS")
	if got.code != exitDone {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	natstest.Eventually(t, 20*time.Second, "the mirror has all", func() bool {
		state := r.info("DEEP").State
		return state.FirstSeq == 1 && state.LastSeq == 80 && state.Msgs == 80
	})
}

func TestRestoreThatIsOnlyTried(t *testing.T) {
	r := newRestoring(t)
	got := r.run("--stream-name", "COPY", "--subjects", "copy.>", "--dry-run")
	if got.code != exitDone || !strings.Contains(got.stdout, "50 messages in 3 files") ||
		!strings.Contains(got.stdout, "the server would take stream COPY\n") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	for _, args := range [][]string{{"-s", "COPY"}, {"-s", "COPY", "--dry-run"}, {"-s", "ORDERS", "--dry-run"}} {
		want := "stream ORDERS of the server takes its subject orders.>: give it others with --subjects"
		if args[1] == "ORDERS" {
			want = "stream ORDERS exists"
		}
		if got := r.run(args...); got.code != exitFailed || !strings.Contains(got.stderr, want) {
			t.Errorf("%q: exit code %d: %s%s", args, got.code, got.stdout, got.stderr)
		}
	}
	if _, err := r.js.Stream(t.Context(), "COPY"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("a stream was made: %v", err)
	}
	// Without a server there is an answer, too.
	got = (environment{}).run(t, "restore", r.folder, "-s", "COPY", "--dry-run", "--nats-server", "nats://127.0.0.1:1")
	if got.code != exitDone || !strings.Contains(got.stdout, "50 messages in 3 files") ||
		!strings.Contains(got.stderr, "was not asked") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
}

func TestRestoreOfADamagedArchive(t *testing.T) {
	r := newRestoring(t)
	files, err := filepath.Glob(filepath.Join(r.folder, "1", "*", "*", "*", "*", "*", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := errors.Join(os.Chmod(files[0], 0o600), os.WriteFile(files[0], data, 0o600)); err != nil {
		t.Fatal(err)
	}
	got := r.run("--stream-name", "COPY", "--subjects", "copy.>")
	if got.code != exitFailed || !strings.Contains(got.stderr, filepath.Base(files[0])) {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if _, err := r.js.Stream(t.Context(), "COPY"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("a stream was made: %v", err)
	}
	got = r.run("--stream-name", "COPY", "--subjects", "copy.>", "--skip-damaged", "--verify")
	if got.code != exitDone || !strings.Contains(got.stdout, "left out, in damaged files: 17") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	if msgs := r.info("COPY").State.Msgs; msgs != 33 {
		t.Errorf("%d messages, want those of the two other files", msgs)
	}
}

func TestRestoreRefusesWhatItCannotDo(t *testing.T) {
	r := newRestoring(t, "--record", "payload")
	got := r.run("--stream-name", "COPY", "--subjects", "copy.>")
	if got.code != exitFailed || !strings.Contains(got.stderr, "their rows are the payloads") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	for _, args := range [][]string{
		{},
		{"--stream-name", "A", "--like", "B", "--stream-config", "f"},
		{"--stream-name", "A", "--as-mirror-of", "A"},
		{"--stream-name", "A", "--as-mirror-of", "B", "--subjects", "c"},
		{"--stream-name", "A", "--storage", "tape"},
	} {
		if got := r.run(args...); got.code != exitUsage {
			t.Errorf("%q: exit code %d: %s", args, got.code, got.stderr)
		}
	}
}

// An archive of two lives of a stream: the newest comes back, the other one if it is asked for, and get finds messages
// of both.
func TestRestoreOfAnEarlierLife(t *testing.T) {
	r := newRestoring(t)
	if err := r.js.DeleteStream(t.Context(), "ORDERS"); err != nil {
		t.Fatal(err)
	}
	natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	r.publish(10)
	captureOnce(t, r.srv, r.folder, "--key", "subject[2]")
	got := r.run("--stream-name", "COPY", "--subjects", "copy.>", "--dry-run")
	if got.code != exitDone || !strings.Contains(got.stdout, "10 messages in 3 files") ||
		!strings.Contains(got.stdout, "50 messages of other lives of the stream") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	text := readingRun(t, "get", r.folder, "42")
	if !strings.Contains(text, `{"n":41}`) {
		t.Errorf("message 42 is that of the first life: %s", text)
	}
	_, id, _ := strings.Cut(text, "of incarnation ")
	id, _, _ = strings.Cut(id, "\n")
	for _, command := range []string{"restore", "cat"} {
		args := []string{command, r.folder, "--incarnation", "zzz"}
		if command == "restore" {
			args = append(args, "--stream-name", "COPY", "--dry-run")
		}
		wantReplay(t, environment{}.run(t, args...), exitFailed, `capture ORDERS has no incarnation "zzz": it has `+id+", ")
	}
	got = r.run("--stream-name", "COPY", "--subjects", "copy.>", "--incarnation", id, "--verify")
	if got.code != exitDone || !strings.Contains(got.stdout, "max_msgs was 50") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	if state := r.info("COPY").State; state.Msgs != 50 || state.LastSeq != 50 {
		t.Errorf("%+v", state)
	}
}

// TestRestoreOfAStreamThatBeginsLater: a stream that is made again begins within the sequences of the one before. All
// that reads the archive takes nothing of that one.
func TestRestoreOfAStreamThatBeginsLater(t *testing.T) {
	r := newRestoring(t)
	if err := r.js.DeleteStream(t.Context(), "ORDERS"); err != nil {
		t.Fatal(err)
	}
	natstest.CreateStream(t, r.nc, jetstream.StreamConfig{
		Name: "ORDERS", Subjects: []string{"orders.>"}, FirstSeq: 15,
	})
	r.publish(10)
	captureOnce(t, r.srv, r.folder, "--key", "subject[2]")
	got := r.run("--stream-name", "COPY", "--subjects", "copy.>", "--verify")
	if got.code != exitDone || !strings.Contains(got.stdout, "stream COPY has 10 messages, sequences 15 to 24") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: "TEST", Subjects: []string{"test.>"}})
	wantReplay(t, r.replay("-s", "TEST", "--map", "orders.*=test.$1"), exitDone, "took 10 messages")
	got = (environment{}).run(t, "diff", r.folder, "--against-stream", "--nats-server", r.srv.URL())
	wantReplay(t, got, exitDone, "10 messages equal")
}

// TestRestoreOfAnEarlierLifeThatGoesOn: a capture met a stream that somebody had made on the new cluster. The life that
// was restored then, and what came behind it, are one stream for all that reads the archive; the life between is not.
func TestRestoreOfAnEarlierLifeThatGoesOn(t *testing.T) {
	r := newRestoring(t)
	again := func() {
		t.Helper()
		if err := r.js.DeleteStream(t.Context(), "ORDERS"); err != nil {
			t.Fatal(err)
		}
	}
	_, id, _ := strings.Cut(readingRun(t, "get", r.folder, "42"), "of incarnation ")
	id, _, _ = strings.Cut(id, "\n")
	again()
	natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	r.publish(3)
	captureOnce(t, r.srv, r.folder, "--key", "subject[2]")
	again()
	if got := r.run("--stream-name", "ORDERS", "--incarnation", id); got.code != exitDone {
		t.Fatalf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	r.publish(5)
	captureOnce(t, r.srv, r.folder, "--key", "subject[2]")
	got := r.run("--stream-name", "COPY", "--subjects", "copy.>", "--verify")
	if got.code != exitDone || !strings.Contains(got.stdout, "stream COPY has 55 messages, sequences 1 to 55") ||
		!strings.Contains(got.stdout, "3 messages of other lives") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	for command, want := range map[string]string{
		"diff": "55 messages equal", "verify": "compared with the streams: 55 messages",
	} {
		got := (environment{}).run(t, command, r.folder, "--against-stream", "--nats-server", r.srv.URL())
		if got.code != exitDone || !strings.Contains(got.stdout+got.stderr, want) {
			t.Errorf("%s = %d: %s%s", command, got.code, got.stdout, got.stderr)
		}
	}
}

// TestRestoreOntoAServerThatCannotTakeIt: the error says what to do, before messages are sent where that can be told.
func TestRestoreOntoAServerThatCannotTakeIt(t *testing.T) {
	r := newRestoring(t)
	config := filepath.Join(t.TempDir(), "config.json")
	text := `{"name":"COPY","subjects":["copy"],"retention":"limits","storage":"file","num_replicas":3}`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	none := "is in no cluster: give it one, by --replicas 1"
	for _, tt := range []struct {
		want string
		args []string
	}{
		{none, []string{"--stream-config", config}},
		{none, []string{"--subjects", "copy", "--replicas", "3", "--dry-run"}},
		{"is in no cluster: ask for one replica, by --replicas 1", []string{"--subjects", "copy", "--replicas", "3"}},
		{"the server has no stream NONE: --like names", []string{"--like", "NONE"}},
		{"the server has no stream NONE: --as-mirror-of names", []string{"--as-mirror-of", "NONE"}},
	} {
		wantReplay(t, r.run(append(tt.args, "-s", "COPY")...), exitFailed, tt.want)
	}
	got := r.run("-s", "COPY", "--stream-config", config, "--replicas", "1")
	wantReplay(t, got, exitDone, "stream COPY has 50 messages")
	wantReplay(t, r.run("-s", "A B"), exitUsage, `"A B" is not the name of a stream`)
}
