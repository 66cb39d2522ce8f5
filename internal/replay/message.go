package replay

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/nats-io/nats.go"
)

// Headers of a message that was replayed.
const (
	HeaderTime     = "Jetcapture-Time"     // when the first stream stored it, RFC 3339 with nanoseconds
	HeaderSequence = "Jetcapture-Sequence" // its sequence there
	HeaderMsgID    = "Jetcapture-Msg-Id"   // its own Nats-Msg-Id
	HeaderBlock    = "Jetcapture-Header"   // its header block in base64, if no client can parse it
)

// isControl reports whether a server would act on a header. It did when the message was published first; what came of
// it is in the stream.
func isControl(name string) bool {
	return slices.Contains([]string{nats.MsgIdHdr, "Nats-Rollup", "Nats-Incr", "Nats-TTL"}, name) ||
		slices.ContainsFunc([]string{"Nats-Schedule", "Nats-Expected-", "Nats-Batch-"}, func(prefix string) bool {
			return strings.HasPrefix(name, prefix)
		})
}

// message is what is published for an item, whose parts it shares. Its id is the same in every replay.
func (r *run) message(i *archive.Item) *nats.Msg {
	m := &nats.Msg{Subject: Subject(r.Map, i.Subject), Header: nats.Header{}, Data: i.Data}
	for name, values := range i.Header {
		if !isControl(name) {
			m.Header[name] = values
		}
	}
	if id := i.Header[nats.MsgIdHdr]; len(id) > 0 {
		m.Header[HeaderMsgID] = id
	}
	if i.Header == nil && i.HeaderRaw != nil {
		m.Header.Set(HeaderBlock, base64.StdEncoding.EncodeToString(i.HeaderRaw))
	}
	m.Header[nats.MsgIdHdr] = []string{fmt.Sprintf("%s-%d", i.Incarnation, i.Seq)}
	m.Header[HeaderTime] = []string{i.Time.UTC().Format(time.RFC3339Nano)}
	m.Header[HeaderSequence] = []string{strconv.FormatUint(i.Seq, 10)}
	m.Header[nats.ExpectedStreamHdr] = []string{r.Stream}
	if r.KeepSequences {
		m.Header[nats.ExpectedLastSeqHdr] = []string{strconv.FormatUint(i.Seq-1, 10)}
	}
	return m
}
