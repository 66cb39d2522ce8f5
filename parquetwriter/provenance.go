package parquetwriter

import (
	"strconv"

	"github.com/jetcapture/jetcapture/internal/wire"
)

// provenance says which messages the rows of a file come from.
type provenance struct {
	stream      string
	first, last uint64
	known       bool
}

// add adds a message. Messages come in the order of their sequences.
func (p *provenance) add(stream string, seq uint64) {
	if !p.known {
		p.stream, p.first, p.known = stream, seq, true
	}
	p.last = seq
}

// metadata returns the same keys in the same order for every file, empty when nothing is known.
func (p *provenance) metadata() [][2]string {
	kv := [][2]string{{MetaStream, ""}, {MetaFirst, ""}, {MetaLast, ""}}
	if p.known {
		kv[0][1], _ = wire.Text(p.stream)
		kv[1][1] = strconv.FormatUint(p.first, 10)
		kv[2][1] = strconv.FormatUint(p.last, 10)
	}
	return kv
}
