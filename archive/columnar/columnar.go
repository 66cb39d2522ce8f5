// Package columnar reads whole messages back from Parquet and Avro files, for archive.ReadOptions. It is a package of
// its own so that package archive does not bring the libraries of these formats with it.
package columnar

import (
	"fmt"
	"io"
	"iter"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
)

// Formats returns what reads the formats, by their names in plans.
func Formats() map[string]archive.RowsFunc {
	return map[string]archive.RowsFunc{
		cutlog.FormatParquet: rows(cutlog.FormatParquet, readParquet),
		cutlog.FormatAvro:    rows(cutlog.FormatAvro, readAvro),
	}
}

// yield takes a row. It returns false if no more is wanted.
type yield func(*archive.Row) bool

// rows makes a sequence of what read hands out. The libraries panic at some files that are not what they seem.
func rows(format string, read func(io.ReaderAt, int64, yield) error) archive.RowsFunc {
	return func(file io.ReaderAt, size int64) iter.Seq2[*archive.Row, error] {
		return func(f func(*archive.Row, error) bool) {
			inside := false // the caller's code runs
			err := guard(&inside, func() error {
				return read(file, size, func(r *archive.Row) bool {
					inside = true
					more := f(r, nil)
					inside = false
					return more
				})
			})
			if err != nil {
				f(nil, fmt.Errorf("%s: %w", format, err))
			}
		}
	}
}

// guard makes an error of a panic, but for one of the caller.
func guard(inside *bool, f func() error) (err error) {
	defer func() {
		if *inside {
			return
		}
		if p := recover(); p != nil {
			err = fmt.Errorf("the library that reads it panicked: %v", p)
		}
	}()
	return f()
}
