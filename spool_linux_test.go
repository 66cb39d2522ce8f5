package jetcapture_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
)

// TestSpoolDiskFull captures more than the disk takes, in a process whose files may not grow over a limit.
func TestSpoolDiskFull(t *testing.T) {
	for _, c := range []struct {
		mode mode
		keys int
	}{{direct, 1}, {direct, 300}, {declared, 3}} {
		t.Run(fmt.Sprint(c.mode, " ", c.keys), func(t *testing.T) {
			r := newRig(t)
			noise := rand.New(rand.NewPCG(1, 2))
			messages := make([]oracle.Message, 3000)
			for i := range messages {
				messages[i] = oracle.Message{Subject: fmt.Sprint("s.", i%c.keys), Data: fmt.Appendf(nil, "%x", noise.Perm(200))}
				if i%100 == 50 {
					messages[i].Data = append(messages[i].Data, "unwritable"...)
				}
			}
			r.store(messages...)
			out := r.inChild(t.TempDir(), c.mode)
			dead := letters(t, r.wantLines())
			if len(dead) != 30 || !strings.Contains(out, "file too large") {
				t.Errorf("%d dead letters, output %s", len(dead), out)
			}
		})
	}
}

// inChild captures in a child process into a directory, which becomes the rig's archive. It returns the output of the
// child.
func (r *rig) inChild(dir string, m mode) string {
	r.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.CommandContext(r.t.Context(), exe)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", childVar, r.server.URL(), dir, m), "TMPDIR="+r.t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("child: %v\n%s", err, out)
	}
	d, err := bucket.OpenDirReadOnly(dir)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			r.t.Error(err)
		}
	})
	r.bucket = d
	return string(out)
}

// child captures into a directory, with a spool whose file cannot grow. A first run is interrupted, so that there is
// also a cut to redo.
func child(args string) error {
	var url, dir string
	var m mode
	if _, err := fmt.Sscan(args, &url, &dir, &m); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	small := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		return err
	}
	nc, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	d, err := bucket.OpenDir(dir)
	if err != nil {
		return err
	}
	o := jetcapture.Options[string, string]{
		NATSStreamName: "S", Suffix: "txt", MaxAge: time.Hour, Once: true, BufferToDisk: true, MemoryLimit: 1 << 20,
		MaxBytes: 300_000, MessageDecoder: line, WriterFactory: (&counted{}).factory(m),
		Archive: jetcapture.ArchiveOptions[string]{Bucket: d, Instance: "child"},
		Poison:  jetcapture.PoisonDeadLetter, Logger: slog.New(slog.NewTextHandler(os.Stdout, nil)),
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	interrupted := o
	interrupted.Archive.Bucket, interrupted.StoreWorkers = stopping(d, 1), 1
	if err := interrupted.Build().Run(ctx, nc); !errors.Is(err, errFatal) {
		return fmt.Errorf("the run that is interrupted: %w", err)
	}
	err = o.Build().Run(ctx, nc)
	return errors.Join(err, d.Close(), ctx.Err())
}
