package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/measure"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/rowread"
	"github.com/jetcapture/jetcapture/internal/spool"
)

const (
	unpackedBuffers = 8 << 20 // of all files that were unpacked
	unpackMemory    = 4 << 20 // of their bytes; what is more goes to disk
	unpackWorkers   = 8
)

// unpacking unpacks the files of a cut that has too many of them to read side by side, or packed ones. Their rows wait
// in a spool, as they are: what unpacks takes more memory than the rows of a small file.
type unpacking struct {
	cancel context.CancelFunc
	spool  *spool.Spool
	plain  *codec.Codec
	rooms  sync.Pool       // of *unpackRoom
	dir    string          // for temporary files of its own
	sealed []*spool.Sealed // by file
	files  []*fileReader
	done   chan struct{}
	err    error // why it has ended; set before done is closed
}

// unpackRoom is memory for unpacking one file. It is used again: making it takes longer than unpacking a small file.
type unpackRoom struct {
	copied [rowread.BufferSize]byte
	rows   *bufio.Writer
}

// startUnpacking begins to unpack files. Its goroutines end with ctx, when all is unpacked, or with close.
func startUnpacking(ctx context.Context, files []*fileReader, dir string) (*unpacking, error) {
	plain, err := codec.New(codec.None, 0)
	if err != nil {
		return nil, err
	}
	room, err := spool.New(spool.Config{Dir: dir, Memory: unpackMemory, Disk: true})
	if err != nil {
		return nil, fmt.Errorf("unpack %d files: %w", len(files), err)
	}
	ctx, cancel := context.WithCancel(ctx)
	u := &unpacking{
		cancel: cancel, spool: room, plain: plain, dir: dir, files: files, sealed: make([]*spool.Sealed, len(files)),
		done: make(chan struct{}),
	}
	u.rooms.New = func() any { return &unpackRoom{rows: bufio.NewWriterSize(nil, rowread.BufferSize)} }
	go func() {
		defer close(u.done)
		u.err = parallel.Each(ctx, unpackWorkers, len(files), u.unpack)
	}()
	return u, nil
}

// unpack unpacks one file. What is wrong with the file is left to its reader.
func (u *unpacking) unpack(ctx context.Context, i int) error {
	f := u.files[i]
	buf := u.spool.NewBuffer(u.plain)
	room := u.rooms.Get().(*unpackRoom)
	defer u.rooms.Put(room)
	if f.packed != nil {
		f.failed = repackRows(ctx, f, u.dir, buf, room)
	} else {
		f.failed = copyRows(ctx, f, buf, room)
	}
	if f.failed != nil {
		buf.Discard()
		return ctx.Err()
	}
	sealed, err := buf.Seal()
	if err != nil {
		buf.Discard()
		return fmt.Errorf("unpack %s: %w", f.block.Path(), err)
	}
	u.sealed[i] = sealed
	return sealed.Wait(ctx)
}

// copyRows unpacks a file into a buffer, and checks its size and sum.
func copyRows(ctx context.Context, f *fileReader, buf *spool.Buffer, room *unpackRoom) (err error) {
	in := readObject(ctx, f.bucket, f.object, f.block.Stored)
	defer func() { err = errors.Join(err, in.Close()) }()
	sum := measure.NewReader(in)
	plain, err := f.codec.NewReader(sum)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plain.Close()) }()
	limited := &bounded{plain: plain, packed: sum, limit: defaultUnpackLimit}
	if _, err := io.CopyBuffer(committing{buf}, limited, room.copied[:]); err != nil {
		return err
	}
	return errors.Join(sum.Drain(), checkSum(sum, f.block.Stored))
}

// committing is a buffer in which each piece is a row, so that it can go to disk.
type committing struct{ *spool.Buffer }

// Write implements io.Writer.
func (b committing) Write(p []byte) (int, error) {
	n, err := b.Buffer.Write(p)
	if err != nil {
		return n, err
	}
	return n, b.Commit()
}

// wait returns when all files are unpacked and opened. It does nothing on nil.
func (u *unpacking) wait() error {
	if u == nil {
		return nil
	}
	<-u.done
	if u.err != nil {
		return u.err
	}
	buffer := min(unpackedBuffers/len(u.files), rowread.BufferSize)
	for i, f := range u.files {
		if f.failed != nil {
			continue
		}
		rows, err := u.sealed[i].Open()
		if err != nil {
			return fmt.Errorf("read what was unpacked of %s: %w", f.block.Path(), err)
		}
		f.failed = f.unpacked(rows, buffer)
	}
	return nil
}

// close ends the goroutines and gives back the room. The readers of the files are closed before. It does nothing on
// nil, and may be called again.
func (u *unpacking) close() error {
	if u == nil {
		return nil
	}
	u.cancel()
	<-u.done
	return u.spool.Close()
}
