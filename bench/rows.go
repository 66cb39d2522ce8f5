package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

// content is what an archive holds.
type content struct {
	rows, files int
	folders     int // with a file: one for each key and window that has messages
}

// counter counts what an archive holds. If the rows are not those of the stream, the job has failed.
type counter func(archive string) (content, error)

// lines counts the lines of all data files, without a number of header lines in each.
func lines(header int) counter {
	return func(archive string) (content, error) {
		return countFiles(archive, func(path string) (int, error) {
			n, err := countLines(path)
			return n - header, err
		})
	}
}

// parquetRows counts the rows of Parquet files.
func parquetRows(archive string) (content, error) {
	return countFiles(archive, func(path string) (rows int, err error) {
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
func countFiles(archive string, count func(path string) (int, error)) (total content, err error) {
	folders := map[string]bool{}
	err = filepath.WalkDir(archive, func(path string, d fs.DirEntry, err error) error {
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
		folders[filepath.Dir(path)] = true
		return nil
	})
	total.folders = len(folders)
	return total, err
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
