package rowread

import "encoding/binary"

// RawRecordOf returns the first record of a raw file, with its length.
func RawRecordOf(file []byte) []byte {
	b := file[len(RawMagic):]
	return b[:4+binary.BigEndian.Uint32(b)]
}
