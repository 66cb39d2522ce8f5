package rowcount

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The footer of a Parquet file is at its end: metadata, its length in 4 bytes, the magic. The length comes last, so the
// end of the file is kept: at least minFooter bytes, and more of a large file, since large files have larger footers.
const (
	parquetMagic = "PAR1"
	parquetEnds  = 2*len(parquetMagic) + 4 // bytes of a file that are neither data nor footer
	minFooter    = 1 << 20
	footerPart   = 16
)

// countParquet takes the number of rows from the footer. It is Unknown for a footer that is larger than what is kept.
func countParquet(r io.Reader, buf []byte) (int64, error) {
	t, err := readTail(r, buf)
	if err != nil {
		return 0, err
	}
	end := len(t.last) - 8
	if end < len(parquetMagic) || string(t.first) != parquetMagic || string(t.last[end+4:]) != parquetMagic {
		return 0, errors.New("it does not begin and end as a Parquet file does")
	}
	length := int64(binary.LittleEndian.Uint32(t.last[end:]))
	if most := t.size - int64(parquetEnds); length > most {
		return 0, fmt.Errorf("its footer should have %d bytes, and the file has room for %d", length, most)
	}
	if length > int64(end) {
		return Unknown, nil
	}
	return parquetRows(t.last[int64(end)-length : end])
}

// tail is what is kept of a file.
type tail struct {
	size        int64
	first, last []byte // as many bytes as the magic has, and the end
}

// readTail reads r to its end.
func readTail(r io.Reader, buf []byte) (t tail, err error) {
	err = eachPiece(r, buf, func(p []byte) {
		t.size += int64(len(p))
		if len(t.first) < len(parquetMagic) {
			t.first = append(t.first, p[:min(len(p), len(parquetMagic)-len(t.first))]...)
		}
		t.last = append(t.last, p...)
		if keep := int(max(minFooter, t.size/footerPart)); len(t.last) > 2*keep {
			t.last = t.last[:copy(t.last, t.last[len(t.last)-keep:])]
		}
	})
	return t, err
}

// The fields of FileMetaData and of RowGroup that are read (parquet.thrift).
const (
	fileRows   = 3 // i64 num_rows
	fileGroups = 4 // list<RowGroup> row_groups
	groupRows  = 3 // i64 num_rows
)

// parquetRows returns num_rows of the file in the compact protocol of Thrift. The row groups must have as many.
func parquetRows(footer []byte) (int64, error) {
	t := thrift{in: bufio.NewReader(bytes.NewReader(footer))}
	rows, inGroups := int64(-1), int64(0)
	err := t.eachField(func(id int16, kind byte) (err error) {
		switch {
		case id == fileRows && kind == thriftI64:
			rows, err = t.count()
		case id == fileGroups && kind == thriftList:
			inGroups, err = t.rowsOfGroups()
		default:
			err = t.skip(kind, 0)
		}
		return err
	})
	switch {
	case err != nil:
		return 0, err
	case rows < 0:
		return 0, errors.New("its footer says no number of rows")
	case rows != inGroups:
		return 0, fmt.Errorf("its footer says %d rows, and its row groups have %d", rows, inGroups)
	}
	return rows, nil
}

// rowsOfGroups adds up the rows of a list of row groups.
func (t thrift) rowsOfGroups() (rows int64, err error) {
	n, kind, err := t.list()
	if err != nil || n == 0 {
		return 0, err
	}
	if kind != thriftStruct {
		return 0, errThrift
	}
	for ; n > 0; n-- {
		err := t.eachField(func(id int16, kind byte) error {
			if id != groupRows || kind != thriftI64 {
				return t.skip(kind, 1)
			}
			held, err := t.count()
			if rows += held; rows < 0 {
				return errThrift
			}
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return rows, nil
}

// count reads an i64 that cannot be negative.
func (t thrift) count() (int64, error) {
	n, err := binary.ReadVarint(t.in)
	if err != nil || n < 0 {
		return 0, errThrift
	}
	return n, nil
}
