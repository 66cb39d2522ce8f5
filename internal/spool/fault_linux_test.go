package spool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// childVar makes the test binary the child of TestDiskFull: a limit on the size of files holds for a whole process.
const childVar = "SPOOL_TEST_CHILD"

// A disk that is full stops the owner and loses nothing; with room again, everything goes on.
func TestDiskFull(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childVar+"=1", "TMPDIR="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("child: %v\n%s", err, out)
	}
}

func child() int {
	if err := diskFull(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func diskFull() error {
	grow, err := limitFiles(1<<20 + 12345)
	if err != nil {
		return err
	}
	s, err := spool.New(spool.Config{Memory: 1 << 20, Disk: true})
	if err != nil {
		return err
	}
	c, err := codec.New(codec.None, 0)
	if err != nil {
		return err
	}
	b, ref := s.NewBuffer(c), reference{c: c, frameSize: spool.DefaultFrameSize}
	failed := 0
	for _, line := range rows(1, 30000) {
		if _, err := b.Write(line); err != nil {
			return err
		}
		ref.write(line)
		ref.commit()
		err := b.Commit()
		if err == nil {
			continue
		}
		if !errors.Is(err, syscall.EFBIG) {
			return fmt.Errorf("commit: %w, want %w", err, syscall.EFBIG)
		}
		if failed++; failed < 3000 { // an owner that does not listen
			continue
		}
		if err := relieve(s, grow); err != nil {
			return err
		}
	}
	if failed != 3000 {
		return fmt.Errorf("%d commits failed", failed)
	}
	return compare(s, b, &ref)
}

// limitFiles limits the size of the files of this process, and returns what takes the limit away.
func limitFiles(size uint64) (grow func() error, err error) {
	signal.Ignore(syscall.SIGXFSZ)
	var normal syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &normal); err != nil {
		return nil, err
	}
	small := syscall.Rlimit{Cur: size, Max: normal.Max}
	return func() error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &normal) },
		syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small)
}

// relieve makes room on the disk when the spool says that it needs it.
func relieve(s *spool.Spool, grow func() error) error {
	if !s.Over() {
		return fmt.Errorf("the disk is full and the spool not over: %+v", s.Usage())
	}
	if err := s.Relieve(); !errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("relieve: %w, want %w", err, syscall.EFBIG)
	}
	if err := grow(); err != nil {
		return err
	}
	if err := s.Relieve(); err != nil || s.Over() {
		return fmt.Errorf("relieve with room: %w, over %v", err, s.Over())
	}
	return nil
}

// compare ends the child.
func compare(s *spool.Spool, b *spool.Buffer, ref *reference) error {
	z, err := b.Seal()
	if err != nil {
		return err
	}
	ref.seal()
	if err := z.Wait(context.Background()); err != nil {
		return err
	}
	got, err := readAll(z.Open)
	if err == nil && string(got) != string(ref.file) {
		err = fmt.Errorf("file of %d bytes is not the expected one of %d", len(got), len(ref.file))
	}
	z.Discard()
	return errors.Join(err, s.Close())
}
