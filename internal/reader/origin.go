package reader

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Origin is where a message is stored.
type Origin struct {
	Stream string
	Seq    uint64    // the stream sequence
	Time   time.Time // the stream's timestamp
}

// OriginParser reads from reply subjects where messages are stored. It costs less than nats.Msg.Metadata, because it
// remembers what the messages of a consumer have in common. The zero value is ready to use. One goroutine uses it at a
// time.
type OriginParser struct {
	ack    ackParser
	prefix string // of the reply subjects that stream was read from
	stream string
}

// Parse returns the origin of a message that a consumer has delivered.
func (p *OriginParser) Parse(msg *nats.Msg) (Origin, error) {
	t, ok := p.ack.parse(msg.Reply)
	if !ok {
		return Origin{}, fmt.Errorf("read the sequence and time of the message: "+
			"its reply subject is %q, not that of a delivered message", msg.Reply)
	}
	if p.prefix != p.ack.prefix {
		tokens := strings.Split(p.ack.prefix, ".") // ends with stream, consumer and an empty token
		p.prefix, p.stream = p.ack.prefix, tokens[len(tokens)-3]
	}
	return Origin{Stream: p.stream, Seq: t.sseq, Time: time.Unix(0, t.time)}, nil
}
