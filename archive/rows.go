package archive

import (
	"errors"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/internal/measure"
)

// maxRatio is how many times its size a file beyond the limit may unpack to. gzip cannot reach much more. zstd can, but
// a file that does is a bomb rather than messages.
const maxRatio = 1000

// errBomb is the error of a file that unpacks to more than is sensible.
var errBomb = errors.New("it unpacks to more than is sensible")

// bounded reads what a file unpacks to, within bounds.
type bounded struct {
	plain  io.Reader
	packed *measure.Reader
	limit  int64 // bytes that every file may unpack to
	n      int64 // bytes read
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.plain.Read(p)
	b.n += int64(n)
	if b.n > b.limit && b.n/maxRatio > b.packed.Size() {
		return 0, fmt.Errorf("%w: over %d bytes from %d", errBomb, b.n, b.packed.Size())
	}
	return n, err
}
