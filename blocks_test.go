package jetcapture_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
)

// publishNoise stores n messages of size random bytes.
func (r *rig) publishNoise(n, size int, subjects ...string) {
	r.t.Helper()
	noise := rand.NewChaCha8([32]byte{1})
	messages := make([]oracle.Message, n)
	for i := range messages {
		messages[i] = oracle.Message{Subject: subjects[i%len(subjects)], Data: make([]byte, size)}
		_, _ = noise.Read(messages[i].Data) // never fails
	}
	r.store(messages...)
}

func TestMaxMessages(t *testing.T) {
	r := newRig(t)
	r.publish(1003, "s.a", "s.b", "s.b", "s.b")
	o := with(r.options(), func(o *options) { o.MaxMessages = 100 })
	capture(r, o)
	parts := map[string][]int{}
	for _, f := range r.wantAll().Files(false) {
		parts[f.Key[0]] = append(parts[f.Key[0]], len(f.Seqs))
		if f.Rows != int64(len(f.Seqs)) {
			t.Errorf("file %s has %d rows of %d messages", f.Name, f.Rows, len(f.Seqs))
		}
	}
	for key, lens := range parts {
		total := 0
		for _, n := range lens {
			total += n
			if n > 100 {
				t.Errorf("key %s has parts of %v", key, lens)
			}
		}
		if want := map[string]int{"s.a": 251, "s.b": 752}[key]; total != want || len(lens) < (want+99)/100 {
			t.Errorf("key %s has parts of %v, together %d", key, lens, total)
		}
	}
}

// TestFullBlocksAreStored: when all open blocks are full, they are stored without waiting for the window.
func TestFullBlocksAreStored(t *testing.T) {
	r := newRig(t)
	o := with(r.options(), func(o *options) { o.MaxMessages, o.Once = 50, false })
	c := start(r, r.nc, o)
	r.publish(150, "s.a")
	c.untilStored(150)
	r.publish(20, "s.a")
	c.untilRead(170)
	c.finish()
	if a := r.wantAll(); !slices.Contains(a.Reasons(), "full") || a.Reasons()[len(a.Cuts)-1] != "shutdown" {
		t.Errorf("cuts for %v", a.Reasons())
	}
}

func TestMaxBytes(t *testing.T) {
	for _, m := range []mode{direct, declared} {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			r := newRig(t)
			for i := range 300 {
				r.store(oracle.Message{Subject: "s.a", Data: bytes.Repeat([]byte("x"), 100+i)})
			}
			o := r.lines(&counted{}, m)
			o.MaxBytes = 8 << 10
			capture(r, o)
			files := r.wantLines().Files(false)
			for _, f := range files {
				if len(f.Plain) > 8<<10+500 {
					t.Errorf("file %s has %d bytes", f.Name, len(f.Plain))
				}
			}
			if len(files) < 8 || len(files) > 14 { // of 75 kB
				t.Errorf("%d files", len(files))
			}
		})
	}
}

func TestMaxIdle(t *testing.T) {
	r := newRig(t)
	o := with(r.options(), func(o *options) { o.MaxIdle, o.Once = 300*time.Millisecond, false })
	c := start(r, r.nc, o)
	for range 3 {
		r.publish(20)
		c.untilStored(r.last)
	}
	c.finish()
	if reasons := strings.Join(r.wantAll().Reasons(), " "); !strings.HasPrefix(reasons, "open idle idle idle") {
		t.Errorf("cuts for %s", reasons)
	}
}

// TestWindows publishes for some seconds and then stops. The clock closes the last window.
func TestWindows(t *testing.T) {
	r := newRig(t)
	o := with(r.options(), func(o *options) { o.MaxAge, o.Grace, o.Once = time.Second, 200*time.Millisecond, false })
	c := start(r, r.nc, o)
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for range 20 {
		r.publish(4, "s.a", "s.b")
		<-tick.C
	}
	c.untilStored(r.last)
	c.finish()
	a := r.wantAll()
	windows := map[time.Time]bool{}
	for _, f := range a.Files(false) {
		windows[f.Window] = true
		if f.Window.Truncate(time.Second) != f.Window {
			t.Errorf("window %v is not aligned", f.Window)
		}
		for _, seq := range f.Seqs {
			m, err := r.stream().GetMsg(t.Context(), seq)
			if err != nil {
				t.Fatal(err)
			}
			if m.Time.Before(f.Window) || !m.Time.Before(f.Window.Add(time.Second)) {
				t.Errorf("sequence %d of %v is in the window %v", seq, m.Time, f.Window)
			}
		}
	}
	reasons := strings.Join(a.Reasons(), " ")
	if len(windows) < 3 || strings.Trim(reasons, "openwid ") != "" || len(a.Cuts) < 4 {
		t.Errorf("%d windows, cuts for %s", len(windows), reasons)
	}
}

// TestBackfillOfManyWindows: a stream with a long past is not cut for each of its windows.
func TestBackfillOfManyWindows(t *testing.T) {
	r := newRig(t)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for range 30 {
		r.publish(2, "s.a")
		<-tick.C
	}
	o := with(r.options(), func(o *options) { o.MaxAge, o.Grace, o.Once = 20*time.Millisecond, time.Millisecond, true })
	capture(r, o)
	a := r.wantAll()
	if files := len(a.Files(false)); files < 20 || len(a.Cuts) > 5 {
		t.Errorf("%d files in %d cuts", files, len(a.Cuts))
	}
}

// TestCodecs reads files with many frames back, with the usual reader of each codec.
func TestCodecs(t *testing.T) {
	for _, c := range []struct {
		codec  jetcapture.Compression
		level  int
		suffix string
	}{
		{"", 0, "ndjson"},
		{jetcapture.None, 0, "ndjson"},
		{jetcapture.GZip, 0, "ndjson.gz"},
		{jetcapture.GZip, 9, "ndjson.gz"},
		{jetcapture.Snappy, 0, "ndjson.snappy"},
		{jetcapture.Zstd, 0, "ndjson.zst"},
		{jetcapture.Zstd, 7, "ndjson.zst"},
	} {
		t.Run(fmt.Sprint(c.codec, c.level), func(t *testing.T) {
			r := newRig(t)
			r.publishNoise(400, 2000, "s.a")
			r.publish(5, "s.b")
			o := with(r.options(), func(o *options) { o.Compression, o.CompressionLevel = c.codec, c.level })
			capture(r, o)
			for _, f := range r.wantAll().Files(false) {
				if !strings.HasSuffix(f.Name, "."+c.suffix) {
					t.Errorf("file %s, want the suffix %s", f.Name, c.suffix)
				}
			}
		})
	}
}

func TestCSV(t *testing.T) {
	r := newRig(t)
	r.publish(100, "s.a", "s.b")
	base := r.options()
	o := jetcapture.Options[*nats.Msg, string]{
		NATSStreamName: "S", Compression: jetcapture.GZip, Suffix: "csv", Once: true, MaxMessages: 30,
		Archive: base.Archive, Logger: base.Logger,
		MessageDecoder: func(m *nats.Msg) (*nats.Msg, string, error) { return m, m.Subject, nil },
		WriterFactory: func() jetcapture.FormattedDataWriter[*nats.Msg] {
			return jetcapture.NewCSVWriter([]string{"subject", "data"}, func(m *nats.Msg) ([][]string, error) {
				return [][]string{{m.Subject, string(m.Data)}}, nil
			})
		},
		Settings: map[string]string{"format": "csv"},
	}
	capture(r, o)
	var got []string
	for _, f := range r.archive("S").Files(false) {
		zip, err := gzip.NewReader(bytes.NewReader(f.Stored))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(zip).ReadAll()
		if err != nil || len(rows) != int(f.Rows)+1 || !slices.Equal(rows[0], []string{"subject", "data"}) {
			t.Fatalf("file %s: %d rows, error %v", f.Name, len(rows), err)
		}
		for _, row := range rows[1:] {
			got = append(got, strings.Join(row, " "))
		}
	}
	var want []string
	for _, m := range r.held {
		want = append(want, m.Subject+" "+string(m.Data))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
}

// TestMemoryOnly: without a disk, a cut is made at the memory limit.
func TestMemoryOnly(t *testing.T) {
	r := newRig(t)
	r.publishNoise(1500, 4000, "s.a", "s.b", "s.c")
	o := with(r.options(), func(o *options) {
		o.BufferToDisk, o.TempDir, o.MemoryLimit = false, filepath.Join(t.TempDir(), "missing"), 2<<20
	})
	s := capture(r, o)
	a := r.wantAll()
	if !slices.Contains(a.Reasons(), "pressure") || s.Reasons["pressure"] < 2 || s.Spooled != 0 {
		t.Errorf("cuts for %v, stats %+v", a.Reasons(), s)
	}
	if _, err := os.Stat(o.TempDir); !os.IsNotExist(err) {
		t.Errorf("TempDir: %v", err)
	}
}

// TestTinyMemory puts nearly everything on disk: rows, and the messages that are kept for buffering writers.
func TestTinyMemory(t *testing.T) {
	for _, m := range []mode{direct, declared} {
		for _, codec := range []jetcapture.Compression{jetcapture.None, jetcapture.GZip} {
			t.Run(fmt.Sprint(m, codec), func(t *testing.T) {
				r := newRig(t)
				noise := rand.New(rand.NewPCG(1, 2))
				messages := make([]oracle.Message, 1500)
				for i := range messages {
					messages[i] = oracle.Message{Subject: fmt.Sprintf("s.%d", i%40), Data: fmt.Appendf(nil, "%x", noise.Perm(100))}
				}
				r.store(messages...)
				o := r.lines(&counted{}, m)
				o.MemoryLimit, o.Compression = 128<<10, codec
				var spooled int64
				c := o.Build()
				o.Hooks.BlockStored = func(jetcapture.BlockStored) {}
				decode := o.MessageDecoder
				o.MessageDecoder = func(msg *nats.Msg) (string, string, error) {
					spooled = max(spooled, c.Stats().Spooled)
					return decode(msg)
				}
				c = o.Build()
				if err := c.Run(natsContext(t), r.nc); err != nil {
					t.Fatal(err)
				}
				a := r.wantLines()
				if s := c.Stats(); len(a.Cuts) != 2 || spooled == 0 || s.Reasons["once"] != 1 {
					t.Errorf("cuts for %v, %d bytes on disk, stats %+v", a.Reasons(), spooled, s)
				}
			})
		}
	}
}

// TestSpoolLimit: a full spool is emptied by a cut, and reading goes on after it.
func TestSpoolLimit(t *testing.T) {
	r := newRig(t)
	r.publishNoise(1500, 4000, "s.a", "s.b", "s.c")
	o := with(r.options(), func(o *options) {
		o.MemoryLimit, o.SpoolLimit, o.Compression = 256<<10, 2<<20, jetcapture.None
	})
	s := capture(r, o)
	if a := r.wantAll(); s.Reasons["pressure"] < 2 {
		t.Errorf("cuts for %v, stats %+v", a.Reasons(), s)
	}
}

// TestMultiRowMessages: a message may be several rows, or none.
func TestMultiRowMessages(t *testing.T) {
	r := newRig(t)
	r.publish(30, "s.a")
	base := r.options()
	o := jetcapture.Options[int, string]{
		NATSStreamName: "S", Suffix: "csv", Once: true, Archive: base.Archive, Logger: base.Logger,
		Settings: map[string]string{"format": "csv"},
		MessageDecoder: func(m *nats.Msg) (int, string, error) {
			meta, err := m.Metadata()
			return int(meta.Sequence.Stream % 3), m.Subject, err
		},
		WriterFactory: func() jetcapture.FormattedDataWriter[int] {
			return jetcapture.NewCSVWriter(nil, func(n int) ([][]string, error) {
				return slices.Repeat([][]string{{"x"}}, n), nil
			})
		},
	}
	s := capture(r, o)
	a := r.archive("S")
	files := a.Files(false)
	if len(files) != 1 {
		t.Fatalf("%d files, want 1", len(files))
	}
	wantEqual(t, "rows in the plan", files[0].Rows, 30)
	wantEqual(t, "messages", len(files[0].Seqs), 30)
	wantEqual(t, "content", string(files[0].Stored), strings.Repeat("x\n", 30))
	wantEqual(t, "rows in Stats", s.Rows, 30)
}
