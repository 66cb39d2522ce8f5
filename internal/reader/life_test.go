package reader

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// silent is a life without a server behind it.
func silent() *life {
	f := &feed{
		ch: make(chan *nats.Msg, 4096), limits: pullLimits{batch: 1000, bytes: 1 << 20, heartbeat: time.Hour},
		inbox: "in",
	}
	return newLife(f, 0, time.Hour)
}

func delivery1(delivered, sseq, dseq uint64) *nats.Msg {
	return &nats.Msg{Subject: "s", Reply: fmt.Sprintf("$JS.ACK.S.D.%d.%d.%d.1.0", delivered, sseq, dseq)}
}

// Whatever is lost, repeated, swapped or redelivered, what a life accepts is the longest unbroken beginning.
func TestLifeAcceptsUnbrokenBeginning(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for round := range 500 {
		type sent struct{ delivered, sseq, dseq uint64 }
		var all []sent
		seq := uint64(0)
		for i := range 40 {
			seq += 1 + rnd.Uint64N(3)
			all = append(all, sent{1, seq, uint64(i + 1)})
		}
		for range rnd.IntN(3) {
			i, j := rnd.IntN(len(all)), rnd.IntN(len(all))
			switch rnd.IntN(4) {
			case 0:
				all = append(all[:i], all[i+1:]...)
			case 1:
				all[i], all[j] = all[j], all[i]
			case 2:
				all[i].delivered++
			case 3:
				all = append(all, all[i])
			}
		}
		var want []uint64
		for i, s := range all { // the reference
			if s.delivered != 1 || s.dseq != uint64(i+1) || len(want) > 0 && s.sseq <= want[len(want)-1] {
				break
			}
			want = append(want, s.sseq)
		}
		l := silent()
		for _, s := range all {
			l.ch <- delivery1(s.delivered, s.sseq, s.dseq)
		}
		b := l.drain(nil, time.Now())
		if len(b.Messages) != len(want) || (l.broken != nil) != (len(want) < len(all)) {
			t.Fatalf("round %d: accepted %d of %d, want %d, broken %v", round, len(b.Messages), len(all), len(want), l.broken)
		}
		for i, m := range b.Messages {
			if m.Seq != want[i] {
				t.Fatalf("round %d: message %d has sequence %d, want %d", round, i, m.Seq, want[i])
			}
		}
	}
}

func heartbeat(dseq, sseq uint64) *nats.Msg {
	return &nats.Msg{Subject: "in.1", Header: nats.Header{
		headerStatus: {"100"}, headerLastConsumer: {fmt.Sprint(dseq)}, headerLastStream: {fmt.Sprint(sseq)},
	}}
}

func TestLifeHeartbeats(t *testing.T) {
	l := silent()
	now := time.Now()
	take := func(at time.Duration, messages ...*nats.Msg) Batch {
		for _, m := range messages {
			l.ch <- m
		}
		return l.drain(nil, now.Add(at))
	}
	if b := take(0, delivery1(1, 5, 1), heartbeat(1, 9)); b.Through != 9 || l.broken != nil {
		t.Fatalf("heartbeat after the message: through %d, %v", b.Through, l.broken)
	}
	// A heartbeat may overtake a message that waits for its quorum: it proves nothing, and breaks nothing either.
	if b := take(time.Second, heartbeat(2, 20)); b.Through != 9 || l.broken != nil {
		t.Fatalf("early heartbeat: through %d, %v", b.Through, l.broken)
	}
	if b := take(2*time.Second, delivery1(1, 15, 2), heartbeat(2, 20)); b.Through != 20 || l.broken != nil {
		t.Fatalf("the message has arrived: through %d, %v", b.Through, l.broken)
	}
	if take(time.Hour, heartbeat(3, 21)); l.broken != nil {
		t.Fatalf("first heartbeat ahead: %v", l.broken)
	}
	if take(3*time.Hour, heartbeat(3, 21)); l.broken == nil || l.through != 20 {
		t.Fatalf("a lost message: through %d, %v", l.through, l.broken)
	}
	l.broken = nil
	if take(3*time.Hour, heartbeat(1, 30)); l.broken == nil || !l.broken.foreign {
		t.Fatalf("a consumer that went back: %+v", l.broken)
	}
}

func TestLifeAccounting(t *testing.T) {
	l := silent()
	l.pulls = []pull{{serial: 1, bytes: 1000}, {serial: 2, bytes: 1000}}
	l.bytes, l.msgs = 2000, 20
	end := func(serial int, text string, msgs, bytes int) {
		l.ch <- &nats.Msg{Subject: fmt.Sprintf("in.%d", serial), Header: nats.Header{
			headerStatus: {text[:3]}, headerDescription: {text[4:]}, headerPendingMsgs: {fmt.Sprint(msgs)},
			headerPendingBytes: {fmt.Sprint(bytes)},
		}}
	}
	m := delivery1(1, 1, 1)
	m.Data = make([]byte, 100)
	l.ch <- m
	end(1, "409 Message Size Exceeds MaxBytes", 9, 300)
	l.drain(nil, time.Now())
	if l.bytes != 2000-m.Size()-300 || l.msgs != 20-1-9 || len(l.pulls) != 1 || l.broken != nil {
		t.Fatalf("%d bytes, %d messages, %d pulls outstanding, %v", l.bytes, l.msgs, len(l.pulls), l.broken)
	}
	end(2, "408 Request Timeout", 10, 700)
	l.drain(nil, time.Now())
	if l.bytes != 0 || l.msgs != 0 || len(l.pulls) != 0 {
		t.Fatalf("at the end %d bytes, %d messages, %d pulls outstanding", l.bytes, l.msgs, len(l.pulls))
	}
	for text, broken := range map[string]bool{
		"404 No Messages": false, "409 Batch Completed": false, "409 Leadership Change": true, "409 Consumer Deleted": true,
		"409 Server Shutdown": true, "503 ": true, "409 Exceeded MaxRequestBatch of 10": true, "400 Bad Request": true,
	} {
		l := silent()
		l.ch <- &nats.Msg{Subject: "in.7", Header: nats.Header{headerStatus: {text[:3]}, headerDescription: {text[4:]}}}
		l.drain(nil, time.Now())
		if (l.broken != nil) != broken {
			t.Errorf("%s: %v", text, l.broken)
		}
	}
}
