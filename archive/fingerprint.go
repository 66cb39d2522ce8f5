package archive

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// fingerprint stands for a message. It consists of two hashes with a random seed, so that very many can be kept. The
// hash of what a row does not hold is zero.
type fingerprint struct {
	envelope uint64 // sequence, time, subject and header
	payload  uint64
}

// rowKind says which parts of its message a row holds.
type rowKind int

const (
	rowUnknown rowKind = iota // not known
	rowMessage                // all of it: NatsMessage of package jetcapture as JSON
	rowPayload                // the payload, on one line
	rowDead                   // all of it: DeadLetter of package jetcapture as JSON
)

// rowKindOf returns what the rows of a planned file hold. Only the rows of the command and of dead letters are known.
func rowKindOf(p *cutlog.Plan, k cutlog.Kind) rowKind {
	switch {
	case k == cutlog.KindDead:
		return rowDead
	case !p.Settings.Command() || p.Settings.User(cutlog.SettingFormat) != cutlog.FormatNDJSON:
		return rowUnknown
	case p.Settings.User(cutlog.SettingRecord) == cutlog.RecordMessage:
		return rowMessage
	case p.Settings.User(cutlog.SettingRecord) == cutlog.RecordPayload:
		return rowPayload
	}
	return rowUnknown
}

// hasher makes fingerprints that can be compared with those of the same hasher.
type hasher struct{ seed maphash.Seed }

// message returns the fingerprint of a message of the stream.
func (h hasher) message(m *Message) fingerprint {
	header := m.HeaderRaw
	if header == nil {
		header = wire.HeaderBlock(m.Header)
	}
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

// messageRow is a row of kind rowMessage.
type messageRow struct {
	rowBody
	Metadata struct {
		Sequence struct {
			Stream uint64 `json:"stream_seq"`
		}
		Timestamp time.Time
	} `json:"metadata"`
}

// deadRow is a row of kind rowDead.
type deadRow struct {
	rowBody
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
}

// rowBody is what both have.
type rowBody struct {
	Subject    string              `json:"subject"`
	SubjectRaw []byte              `json:"subject_raw"`
	Header     map[string][]string `json:"header"`
	HeaderRaw  []byte              `json:"header_raw"`
	Data       []byte              `json:"data"`
}

// row returns the fingerprint of a row. It is an error if the row is not of its kind.
func (h hasher) row(k rowKind, row []byte) (fingerprint, error) {
	switch k {
	case rowMessage:
		var m messageRow
		if err := json.Unmarshal(row, &m); err != nil {
			return fingerprint{}, fmt.Errorf("the row is not a message: %w", err)
		}
		return h.body(&m.rowBody, m.Metadata.Sequence.Stream, m.Metadata.Timestamp), nil
	case rowDead:
		var d deadRow
		if err := json.Unmarshal(row, &d); err != nil {
			return fingerprint{}, fmt.Errorf("the row is not a dead letter: %w", err)
		}
		return h.body(&d.rowBody, d.Seq, d.Time), nil
	case rowPayload:
		return fingerprint{payload: h.payload(row)}, nil
	}
	return fingerprint{}, errors.New("the kind of the row is not known")
}

func (h hasher) body(b *rowBody, seq uint64, t time.Time) fingerprint {
	subject, header := b.Subject, b.HeaderRaw
	if len(b.SubjectRaw) > 0 {
		subject = string(b.SubjectRaw)
	}
	if fields := wire.ParseBlock(header); fields != nil {
		header = wire.HeaderBlock(fields) // what a client parses is compared, in rows of all versions
	} else if len(header) == 0 {
		header = wire.HeaderBlock(b.Header)
	}
	return fingerprint{h.envelope(seq, t, subject, header), h.payload(line(b.Data))}
}

// difference returns in which parts a row differs from the message of the stream; empty means that it does not.
func (k rowKind) difference(row, stream fingerprint) string {
	switch payload := row.payload != stream.payload; {
	case k == rowPayload && payload:
		return "the payload"
	case k == rowPayload || row == stream:
		return ""
	case payload && row.envelope != stream.envelope:
		return "the payload and the sequence, time, subject or header"
	case payload:
		return "the payload"
	}
	return "the sequence, time, subject or header"
}
