package cloud

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
)

// confirmSize compares the size of what is stored with the size of what was sent. A difference is a permanent error,
// because the wrong object has the name for good.
func confirmSize(stored, sent int64) error {
	if stored != sent {
		return bucket.Permanent(fmt.Errorf("%d bytes were sent, but %d are stored: do not trust this store", sent, stored))
	}
	return nil
}

// confirmSum compares the checksums, as confirmSize does the sizes.
func confirmSum(kind, stored, sent string) error {
	if stored != sent {
		return bucket.Permanent(fmt.Errorf("what is stored has the %s %s, what was sent %s: do not trust this store",
			kind, stored, sent))
	}
	return nil
}

// encodeMetadata makes values fit into HTTP headers. It percent-encodes everything but printable ASCII, and the percent
// sign.
func encodeMetadata(metadata map[string]string) map[string]string {
	encoded := make(map[string]string, len(metadata))
	for key, value := range metadata {
		var b strings.Builder
		for _, c := range []byte(value) {
			if c <= ' ' || c > '~' || c == '%' {
				fmt.Fprintf(&b, "%%%02X", c)
			} else {
				b.WriteByte(c)
			}
		}
		encoded[key] = b.String()
	}
	return encoded
}

// decodeMetadata undoes encodeMetadata. Values that are not encoded, which other tools put, do not change.
func decodeMetadata(metadata map[string]string) map[string]string {
	decoded := make(map[string]string, len(metadata))
	for key, value := range metadata {
		plain, err := url.PathUnescape(value)
		if err != nil {
			plain = value
		}
		decoded[key] = plain
	}
	return decoded
}
