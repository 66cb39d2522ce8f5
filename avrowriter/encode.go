package avrowriter

import "encoding/binary"

// Avro's binary encoding (https://avro.apache.org/docs/1.12.0/specification/#binary-encoding) of what the layouts need, written by hand: it is
// short, and the library would write maps in the order of Go's. Longs are zigzag, as Go's signed varints are.

func appendLong(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }

func appendText(dst []byte, s string) []byte { return append(appendLong(dst, int64(len(s))), s...) }

func appendBytes(dst, b []byte) []byte { return append(appendLong(dst, int64(len(b))), b...) }

// appendBranch appends the number of a branch of a union; its value follows.
func appendBranch(dst []byte, branch int64) []byte { return appendLong(dst, branch) }

// appendCount begins the one block of a map or an array of n, which appendEnd ends; with n = 0 the end is all there is.
func appendCount(dst []byte, n int) []byte {
	if n == 0 {
		return dst
	}
	return appendLong(dst, int64(n))
}

func appendEnd(dst []byte) []byte { return append(dst, 0) }
