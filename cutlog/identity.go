package cutlog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strconv"
	"time"
)

// HashMessage returns the hash of a message in an anchor: the first 32 hexadecimal digits of the SHA-256 over subject,
// header and payload, each after its length as 8 bytes, big-endian. header is the raw block as the stream stores it
// ("NATS/1.0\r\n..."), empty for none.
func HashMessage(subject string, header, payload []byte) string {
	h := sha256.New()
	writePart(h, []byte(subject))
	writePart(h, header)
	writePart(h, payload)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// IncarnationID returns the name of one life of a stream: the first 8 hexadecimal digits of the SHA-256 over capture,
// stream, created (RFC 3339 with as many fractional digits as needed, UTC) and the decimal number n of the plan that
// opens it, each after its length as 8 bytes, big-endian. It is part of every file name, so that the sequences of two
// lives never share a name.
func IncarnationID(capture, stream string, created time.Time, n uint64) string {
	h := sha256.New()
	for _, part := range []string{capture, stream, created.UTC().Format(time.RFC3339Nano), strconv.FormatUint(n, 10)} {
		writePart(h, []byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}

// writePart writes the length of a part and the part, so that no two lists of parts hash the same bytes.
func writePart(h hash.Hash, part []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(part)))
	h.Write(length[:]) // never fails, see hash.Hash
	h.Write(part)
}

// Sum returns the SHA-256 of the stored bytes of a record, as 64 hexadecimal digits.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
