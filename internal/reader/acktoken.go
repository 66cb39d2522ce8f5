package reader

import "strings"

// The reply subject of a delivered message says where the message stands (nats-server, consumer.go, ackReplyInfo):
//
//	$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>
//	$JS.ACK.<domain>.<account hash>.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>[.<more>]
const (
	ackPrefix   = "$JS.ACK."
	tokensShort = 9
	tokensLong  = 11
)

// ackToken is what a reply subject says of its message.
type ackToken struct {
	delivered uint64 // number of deliveries, this one included
	sseq      uint64 // stream sequence
	dseq      uint64 // consumer sequence
	time      int64  // nanoseconds since the Unix epoch
	pending   uint64 // messages that the consumer still has to deliver
}

// ackParser reads reply subjects. It remembers the part that all messages of a consumer share, so that a message costs
// one comparison and five numbers. One goroutine uses it at a time.
type ackParser struct {
	prefix string // up to and including the dot before <delivered>
}

// parse reads a reply subject. ok is false if it has another form.
func (p *ackParser) parse(reply string) (t ackToken, ok bool) {
	if p.prefix == "" || !strings.HasPrefix(reply, p.prefix) {
		if p.prefix, ok = sharedPart(reply); !ok {
			return t, false
		}
	}
	return parseNumbers(reply, len(p.prefix))
}

// sharedPart finds the part of a reply subject before its numbers.
func sharedPart(reply string) (string, bool) {
	tokens := strings.Count(reply, ".") + 1
	if !strings.HasPrefix(reply, ackPrefix) || tokens < tokensShort || tokens > tokensShort && tokens < tokensLong {
		return "", false
	}
	skip := 4 // $JS ACK stream consumer
	if tokens >= tokensLong {
		skip = 6
	}
	end := 0
	for range skip {
		end += strings.IndexByte(reply[end:], '.') + 1
	}
	return reply[:end], true
}

// parseNumbers reads the five numbers from offset i on. It ignores what follows the fifth.
func parseNumbers(s string, i int) (t ackToken, ok bool) {
	var stamp uint64
	for n, field := range [...]*uint64{&t.delivered, &t.sseq, &t.dseq, &stamp, &t.pending} {
		start, v := i, uint64(0)
		for ; i < len(s); i++ {
			digit := s[i] - '0'
			if digit > 9 {
				break
			}
			v = v*10 + uint64(digit)
		}
		if i == start {
			return t, false
		}
		*field = v
		if n < 4 {
			if i >= len(s) || s[i] != '.' {
				return t, false
			}
			i++
		}
	}
	t.time = int64(stamp)
	return t, i == len(s) || s[i] == '.'
}
