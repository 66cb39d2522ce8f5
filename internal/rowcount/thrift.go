package rowcount

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// The types of the compact protocol, see "Thrift Compact protocol encoding" of Apache Thrift.
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftStruct = 12
)

// errThrift is the error of a footer that cannot be read.
var errThrift = errors.New("its footer cannot be read")

// thrift skips values of the compact protocol.
type thrift struct{ in *bufio.Reader }

// maxThriftDepth bounds nested structs. Parquet has fewer.
const maxThriftDepth = 32

// field reads the header of the next field of a struct and moves id to it.
func (t thrift) field(id *int16) (kind byte, err error) {
	b, err := t.in.ReadByte()
	if err != nil {
		return 0, errThrift
	}
	kind = b & 0x0f
	if kind == thriftStop {
		return kind, nil
	}
	if delta := b >> 4; delta != 0 {
		*id += int16(delta)
		return kind, nil
	}
	n, err := binary.ReadVarint(t.in)
	*id = int16(n)
	return kind, err
}

// skip skips a value.
func (t thrift) skip(kind byte, depth int) error {
	if depth > maxThriftDepth {
		return errThrift
	}
	switch kind {
	case thriftTrue, thriftFalse:
		return nil
	case thriftByte:
		return t.discard(1)
	case thriftI16, thriftI32, thriftI64:
		_, err := binary.ReadUvarint(t.in)
		return err
	case thriftDouble:
		return t.discard(8)
	case thriftBinary:
		n, err := binary.ReadUvarint(t.in)
		return errors.Join(err, t.discard(n))
	case thriftList, thriftSet:
		return t.skipList(depth)
	case thriftStruct:
		return t.skipStruct(depth)
	}
	return errThrift // a map, or what Parquet's metadata does not have
}

// eachField reads the fields of a struct. f must read or skip the value of the field.
func (t thrift) eachField(f func(id int16, kind byte) error) error {
	for id := int16(0); ; {
		kind, err := t.field(&id)
		if err != nil || kind == thriftStop {
			return err
		}
		if err := f(id, kind); err != nil {
			return err
		}
	}
}

// skipStruct skips a struct at a depth of nested ones.
func (t thrift) skipStruct(depth int) error {
	return t.eachField(func(_ int16, kind byte) error { return t.skip(kind, depth+1) })
}

// list reads the header of a list or a set.
func (t thrift) list() (n uint64, kind byte, err error) {
	b, err := t.in.ReadByte()
	if err != nil {
		return 0, 0, errThrift
	}
	n, kind = uint64(b>>4), b&0x0f
	if n == 15 {
		if n, err = binary.ReadUvarint(t.in); err != nil {
			return 0, 0, errThrift
		}
	}
	return n, kind, nil
}

// skipList skips a list or a set.
func (t thrift) skipList(depth int) error {
	n, kind, err := t.list()
	if err != nil {
		return err
	}
	for ; n > 0; n-- {
		if kind == thriftTrue || kind == thriftFalse { // elements of a list have a byte each
			err = t.discard(1)
		} else {
			err = t.skip(kind, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// discard skips n bytes.
func (t thrift) discard(n uint64) error {
	if _, err := io.CopyN(io.Discard, t.in, int64(min(n, 1<<31))); err != nil {
		return errThrift
	}
	return nil
}
