package capture

import (
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
)

// AnchorOf returns the anchor of a delivered message. A delivery has only the parsed header, so the hash covers a
// header block that is rebuilt from it. A block that cannot be parsed is hashed as it is.
func AnchorOf(m *reader.Message) cutlog.Anchor {
	return newAnchor(m.Seq, time.Unix(0, m.Time), m.Msg.Subject, m.Msg.Header, m.Header, m.Msg.Data)
}

// AnchorOfStored returns the anchor of a message as the stream holds it. It equals that of its delivery.
func AnchorOfStored(m reader.StoredMessage) cutlog.Anchor {
	header, raw := m.ParseHeader()
	return newAnchor(m.Seq, m.Time, m.Subject, header, raw, m.Data)
}

func newAnchor(seq uint64, at time.Time, subject string, header nats.Header, raw, data []byte) cutlog.Anchor {
	if raw == nil {
		raw = wire.HeaderBlock(header)
	}
	subject = reader.JSONSubject(subject)
	return cutlog.Anchor{
		Seq: seq, Time: at.UTC(), Subject: cutlog.Text(subject), Hash: cutlog.HashMessage(subject, raw, data),
	}
}

// Texts returns the parts of a key as strings.
func Texts(key []cutlog.Text) []string {
	s := make([]string, len(key))
	for i, t := range key {
		s[i] = string(t)
	}
	return s
}
