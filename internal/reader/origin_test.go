package reader_test

import (
	"testing"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// Parse returns what nats.Msg.Metadata does, also when messages of several consumers alternate.
func TestOriginParser(t *testing.T) {
	var p reader.OriginParser
	for _, reply := range []string{
		"$JS.ACK.ORDERS.c1.1.17.3.1790000000123456789.5",
		"$JS.ACK.ORDERS.c1.2.18.4.1790000000123456790.4",
		"$JS.ACK.OTHER.c1.1.1.1.0.0",
		"$JS.ACK.hub.hash.FAR.c2.1.99.1.1790000000000000000.0.token",
		"$JS.ACK.ORDERS.c1.1.18446744073709551615.3.1.5",
	} {
		msg := &nats.Msg{Reply: reply, Sub: &nats.Subscription{}}
		want, err := msg.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Parse(msg)
		if err != nil || got.Stream != want.Stream || got.Seq != want.Sequence.Stream || !got.Time.Equal(want.Timestamp) {
			t.Errorf("%s: %+v, %v; the client reads %+v", reply, got, err, want)
		}
	}
	for _, reply := range []string{"", "_INBOX.x", "$JS.ACK.ORDERS.c1.1.x.3.1790000000123456789.5"} {
		if got, err := p.Parse(&nats.Msg{Reply: reply}); err == nil {
			t.Errorf("%q: %+v, no error", reply, got)
		}
	}
}
