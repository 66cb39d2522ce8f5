package avrowriter

import "encoding/binary"

// What the layouts need of Avro's binary encoding (https://avro.apache.org/docs/1.12.0/specification/#binary-encoding).
// It is written by hand because it is short, and because the library would write maps in the order of Go's. Longs are
// zigzag varints, as Go's signed varints are.

func appendLong(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }

func appendText(dst []byte, s string) []byte { return append(appendLong(dst, int64(len(s))), s...) }

func appendBytes(dst, b []byte) []byte { return append(appendLong(dst, int64(len(b))), b...) }

// appendBranch appends the number of a branch of a union. Its value must follow.
func appendBranch(dst []byte, branch int64) []byte { return appendLong(dst, branch) }

// appendCount begins a map or an array of n elements in one block, which appendEnd ends. With n = 0 it appends nothing.
func appendCount(dst []byte, n int) []byte {
	if n == 0 {
		return dst
	}
	return appendLong(dst, int64(n))
}

func appendEnd(dst []byte) []byte { return append(dst, 0) }
