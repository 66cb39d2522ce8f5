package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

func systemChildren() map[string]func(root string) error {
	return map[string]func(string) error{
		"file-size": fileSizeChild, "files": filesChild, "denied": deniedChild, "mounts": mountsChild,
	}
}

func TestDirFileSizeLimit(t *testing.T) {
	t.Parallel()
	runChild(t, "file-size", t.TempDir())
}

func TestDirNoFileHandles(t *testing.T) {
	t.Parallel()
	runChild(t, "files", t.TempDir())
}

func TestDirAccessDenied(t *testing.T) {
	t.Parallel()
	runChild(t, "denied", openToAll(t))
}

func TestDirFullAndReadOnly(t *testing.T) {
	t.Parallel()
	runMounts(t, t.TempDir())
}

// TestDirForeignFiles: what no PutNew can have made is not listed.
func TestDirForeignFiles(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{
		"good", "new\nline", "back\\slash", "bad\xffutf8", strings.Repeat("x", 250), strings.Repeat("d", 250) + "/x",
	} {
		write(t, filepath.Join(root, name), "")
	}
	if names := listed(t, openDir(t, root)); !slices.Equal(names, []string{"good"}) {
		t.Errorf("List yields %q, want good alone", names)
	}
}

// openToAll returns a directory that other users can get to.
func openToAll(t *testing.T) string {
	t.Helper()
	//nolint:usetesting // the directory above t.TempDir() is closed to others
	root, err := os.MkdirTemp("", "bucket-denied-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.Chmod(root, 0o755)
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

// runMounts runs a child with mounts of its own, which vanish with it. Where that is not allowed, a limit of the file
// size stands in for the full disk.
func runMounts(t *testing.T, root string) {
	t.Helper()
	cmd, output := childCommand(t, "mounts", root, "")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch noMounts := errors.As(err, &exit) && exit.ExitCode() == exitNoMounts; {
	case noMounts, errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOSPC): // ENOSPC: no more namespaces
		t.Logf("no mounts here (%v), a limit of the file size instead", err)
		runChild(t, "file-size", root)
	case err != nil:
		t.Fatalf("child: %v\n%s", err, output)
	}
}

// fileSizeChild puts more than the process may write to a file (EFBIG).
func fileSizeChild(root string) error {
	limit := syscall.Rlimit{Cur: 100 << 10, Max: 100 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	d, err := bucket.OpenDir(root)
	if err != nil {
		return err
	}
	err = putString(context.Background(), d, "big", strings.Repeat("x", 300<<10))
	return errors.Join(wantErr(err, syscall.EFBIG, true), wantFree(d, root, "big"), wantPut(d, "small"))
}

// mountsChild tries a full disk, a second file system below the root, and a read-only one.
func mountsChild(root string) error {
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=1m"); err != nil {
		fmt.Println("mount:", err)
		os.Exit(exitNoMounts)
	}
	d, err := bucket.OpenDir(root)
	if err != nil {
		return err
	}
	if err := errors.Join(wantPut(d, "small"), fullDisk(d, root), otherDisk(d, root)); err != nil {
		return err
	}
	return readOnlyDisk(d, root)
}

func fullDisk(d *bucket.Dir, root string) error {
	err := putString(context.Background(), d, "dir/big", strings.Repeat("x", 2<<20))
	return errors.Join(wantErr(err, syscall.ENOSPC, false), wantFree(d, root, "dir/big"), wantPut(d, "dir/fits"))
}

func otherDisk(d *bucket.Dir, root string) error {
	other := filepath.Join(root, "other")
	if err := errors.Join(os.Mkdir(other, 0o750), syscall.Mount("tmpfs", other, "tmpfs", 0, "size=1m")); err != nil {
		return err
	}
	err := putString(context.Background(), d, "other/x", "x")
	if !strings.Contains(fmt.Sprint(err), "keep the whole root on one file system") {
		err = errors.Join(err, errors.New("the error gives no advice"))
	}
	return errors.Join(wantErr(err, syscall.EXDEV, true), wantFree(d, root, "other/x"))
}

func readOnlyDisk(d *bucket.Dir, root string) error {
	if err := syscall.Mount("", root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	err := putString(context.Background(), d, "new", "x")
	if err := errors.Join(wantErr(err, syscall.EROFS, true), wantFree(d, root, "new")); err != nil {
		return err
	}
	_, err = bucket.OpenDir(root)
	if err := wantErr(err, syscall.EROFS, true); err != nil {
		return err
	}
	again, err := bucket.OpenDirReadOnly(root) // a reader may well open it
	if err != nil {
		return err
	}
	if _, err := again.Stat(context.Background(), "small"); err != nil {
		return err
	}
	return again.Close()
}

// filesChild lets PutNew run out of file handles at each of its steps. None is permanent, and repeating the put ends
// well.
func filesChild(root string) error {
	limit := syscall.Rlimit{Cur: 64, Max: 64}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	d, err := bucket.OpenDir(root)
	if err != nil {
		return err
	}
	failures := 0
	for free := range 6 {
		failed, err := putWithFreeHandles(d, fmt.Sprintf("a/%d/c/object", free), free)
		if err != nil {
			return fmt.Errorf("with %d handles: %w", free, err)
		}
		if failed {
			failures++
		}
	}
	if failures == 0 || failures == 6 {
		return fmt.Errorf("%d of 6 puts failed, want some", failures)
	}
	return errors.Join(statNeedsHandles(d, root), d.Close())
}

// statNeedsHandles: an object that still has its temporary name is shown only after a sync of its directory.
func statNeedsHandles(d *bucket.Dir, root string) error {
	if err := errors.Join(wantPut(d, "done"), wantPut(d, "undone")); err != nil {
		return err
	}
	if err := os.Link(filepath.Join(root, "undone"), filepath.Join(root, "_jetcapture", "tmp", ".put-x.tmp")); err != nil {
		return err
	}
	held, err := holdAllHandles()
	_, doneErr := d.Stat(context.Background(), "done")
	_, undoneErr := d.Stat(context.Background(), "undone")
	err = errors.Join(err, doneErr, wantErr(undoneErr, syscall.EMFILE, false))
	for _, f := range held {
		err = errors.Join(err, f.Close())
	}
	_, undoneErr = d.Stat(context.Background(), "undone")
	return errors.Join(err, undoneErr)
}

func putWithFreeHandles(d *bucket.Dir, name string, free int) (failed bool, err error) {
	held, err := holdAllHandles()
	for range free {
		err = errors.Join(err, held[0].Close())
		held = held[1:]
	}
	putErr := putString(context.Background(), d, name, "content")
	for _, f := range held {
		err = errors.Join(err, f.Close())
	}
	if err != nil || putErr == nil {
		return false, err
	}
	if err := wantErr(putErr, syscall.EMFILE, false); err != nil {
		return true, err
	}
	if err := putString(context.Background(), d, name, "content"); err != nil && !errors.Is(err, bucket.ErrExists) {
		return true, err
	}
	_, err = d.Stat(context.Background(), name)
	return true, err
}

func holdAllHandles() (held []*os.File, err error) {
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			return held, nil
		}
		if err != nil {
			return held, err
		}
		held = append(held, f)
	}
}

// deniedChild works in a directory that it may not write to. Root may write everywhere, so it changes to the user
// nobody first.
func deniedChild(root string) error {
	d, err := bucket.OpenDir(root)
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(filepath.Join(root, "_jetcapture", "tmp"), 0o555), os.Chmod(root, 0o555)); err != nil {
		return err
	}
	const nobody = 65534
	if os.Geteuid() == 0 {
		if err := syscall.Setuid(nobody); err != nil {
			return err
		}
	}
	err = putString(context.Background(), d, "x", "x")
	_, openErr := bucket.OpenDir(filepath.Join(root, "new", "root"))
	_, existing := bucket.OpenDir(root)
	return errors.Join(wantErr(err, syscall.EACCES, true), wantErr(openErr, syscall.EACCES, true),
		wantErr(existing, syscall.EACCES, true))
}

// wantErr returns what is wrong with an error.
func wantErr(err, want error, permanent bool) error {
	if !errors.Is(err, want) || bucket.IsPermanent(err) != permanent {
		return fmt.Errorf("error is %w, permanent %t, want %w, permanent %t", err, bucket.IsPermanent(err), want, permanent)
	}
	return nil
}

// wantFree returns an error unless nothing has the name and no temporary file is left.
func wantFree(d *bucket.Dir, root, name string) error {
	if _, err := d.Stat(context.Background(), name); !errors.Is(err, bucket.ErrNotExist) {
		return fmt.Errorf("stat %s: %w, want ErrNotExist", name, err)
	}
	entries, err := os.ReadDir(filepath.Join(root, "_jetcapture", "tmp"))
	if len(entries) > 0 {
		err = errors.Join(err, fmt.Errorf("temporary files are left: %v", entries))
	}
	return err
}

// wantPut puts a small object.
func wantPut(d *bucket.Dir, name string) error {
	return putString(context.Background(), d, name, "content")
}
