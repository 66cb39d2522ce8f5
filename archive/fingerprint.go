package archive

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/rowread"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// fingerprint stands for a message. It consists of two hashes with a random seed, so that very many can be kept. The
// hash of what a row does not hold is zero.
type fingerprint struct {
	envelope uint64 // sequence, time, subject and header
	payload  uint64
}

// rowsOf returns what the rows of a planned file hold, 0 if it is not known. Only the rows of the command and of dead
// letters are known.
func rowsOf(p *cutlog.Plan, k cutlog.Kind) rowread.Kind {
	if k == cutlog.KindDead {
		return rowread.DeadLetter
	}
	if !p.Settings.Command() {
		return 0
	}
	switch format, record := p.Settings.User(cutlog.SettingFormat), p.Settings.User(cutlog.SettingRecord); {
	case format == cutlog.FormatRaw:
		return rowread.Raw
	case format != cutlog.FormatNDJSON:
	case record == cutlog.RecordMessage:
		return rowread.JSONMessage
	case record == cutlog.RecordEvent:
		return rowread.Event
	case record == cutlog.RecordPayload:
		return rowread.Payload
	}
	return 0
}

// hasher makes fingerprints that can be compared with those of the same hasher.
type hasher struct{ seed maphash.Seed }

// message returns the fingerprint of a message of the stream.
func (h hasher) message(m *Message) fingerprint {
	header := parsedHeader(m.HeaderRaw, m.Header)
	return fingerprint{h.envelope(m.Seq, m.Time, m.Subject, header), h.payload(line(m.Data))}
}

// line returns a payload as a row that holds only the payload: JSON on several lines is put on one.
func line(data []byte) []byte {
	if bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0 {
		return data
	}
	var one bytes.Buffer
	if json.Compact(&one, data) != nil {
		return data
	}
	return one.Bytes()
}

// envelope hashes all of a message but its payload, each part after its length.
func (h hasher) envelope(seq uint64, t time.Time, subject string, header []byte) uint64 {
	var m maphash.Hash
	m.SetSeed(h.seed)
	for _, n := range []uint64{seq, uint64(t.UnixNano()), uint64(len(subject))} {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], n)
		_, _ = m.Write(b[:]) // a hash never returns an error
	}
	_, _ = m.WriteString(subject)
	_, _ = m.Write(header)
	return m.Sum64()
}

func (h hasher) payload(data []byte) uint64 { return maphash.Bytes(h.seed, data) }

// row returns the fingerprint of a row.
func (h hasher) row(k rowread.Kind, m *rowread.Message) fingerprint {
	if !k.Whole() {
		return fingerprint{payload: h.payload(m.Data)}
	}
	header := parsedHeader(m.HeaderRaw, m.Header)
	return fingerprint{h.envelope(m.Seq, m.Time, m.Subject, header), h.payload(line(m.Data))}
}

// parsedHeader is what is compared of a header: what a client parses of it, and a block that cannot be parsed. Rows of
// earlier versions have no more.
func parsedHeader(raw []byte, fields map[string][]string) []byte {
	if len(raw) == 0 {
		return wire.HeaderBlock(fields)
	}
	if parsed := wire.ParseBlock(raw); parsed != nil {
		return wire.HeaderBlock(parsed)
	}
	return raw
}

// differs returns in which parts a row differs from the message of the stream; empty means that it does not.
func differs(k rowread.Kind, row, stream fingerprint) string {
	switch payload := row.payload != stream.payload; {
	case !k.Whole() && payload:
		return "the payload"
	case !k.Whole() || row == stream:
		return ""
	case payload && row.envelope != stream.envelope:
		return "the payload and the sequence, time, subject or header"
	case payload:
		return "the payload"
	}
	return "the sequence, time, subject or header"
}
