package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

// content is what an archive holds in data files.
type content struct{ rows, files int }

// counter counts what an archive holds. If the rows are not those of the stream, the job has failed.
type counter func(folder string) (content, error)

// lines counts the lines of all data files, without a number of header lines in each.
func lines(header int) counter {
	return func(folder string) (content, error) {
		return countFiles(folder, func(path string) (int, error) {
			n, err := countLines(path)
			return n - header, err
		})
	}
}

// parquetRows counts the rows of Parquet files.
func parquetRows(folder string) (content, error) {
	return countFiles(folder, func(path string) (rows int, err error) {
		f, err := os.Open(path)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		table, err := parquet.OpenFile(f, info.Size())
		if err != nil {
			return 0, err
		}
		return int(table.NumRows()), nil
	})
}

// countFiles counts all data files and adds up their rows.
func countFiles(folder string, count func(path string) (int, error)) (total content, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "_"): // cut log, dead letters
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		n, err := count(path)
		if err != nil {
			return fmt.Errorf("count the rows of %s: %w", path, err)
		}
		total.rows += n
		total.files++
		return nil
	})
	return total, err
}

// keysAndWindows returns how many pairs of a key and a window have messages, as the plans say. It is 0 without a log.
func keysAndWindows(ctx context.Context, folder string) (n int, err error) {
	dir, err := bucket.OpenDirReadOnly(folder)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	type pair struct {
		folder string
		window time.Time
	}
	pairs := map[pair]bool{}
	for c, err := range archive.Open(dir).Captures(ctx) {
		if err != nil {
			return 0, err
		}
		for cut, err := range c.Cuts(ctx) {
			if err != nil {
				return 0, err
			}
			for _, b := range cut.Plan.Blocks {
				if b.Kind == cutlog.KindData {
					pairs[pair{b.Dir, b.Window}] = true
				}
			}
		}
	}
	return len(pairs), nil
}

// countLines counts the lines of a file, which is compressed as its suffix says.
func countLines(path string) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var r io.Reader = f
	switch filepath.Ext(path) {
	case ".gz":
		if r, err = gzip.NewReader(f); err != nil {
			return 0, err
		}
	case ".zst":
		d, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return 0, err
		}
		defer d.Close()
		r = d
	}
	buf := make([]byte, 64<<10)
	for {
		k, err := r.Read(buf)
		n += bytes.Count(buf[:k], []byte{'\n'})
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
