package reader

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestLedger(t *testing.T) {
	const prefix = "$JS.ACK.S.D."
	rnd := rand.New(rand.NewPCG(1, 2))
	l := &ledger{prefix: prefix}
	var want []string
	var seqs []uint64
	sseq, stamp, taken := uint64(0), int64(1_700_000_000_000_000_000), 0
	for range 50_000 {
		sseq += 1 + rnd.Uint64N(3)*rnd.Uint64N(1000)
		stamp += rnd.Int64N(2_000_000) - 500_000
		pending := rnd.Uint64N(1 << 20)
		l.add(ackToken{delivered: 1, sseq: sseq, dseq: uint64(len(want) + 1), time: stamp, pending: pending})
		want = append(want, fmt.Sprintf("%s1.%d.%d.%d.%d", prefix, sseq, len(want)+1, stamp, pending))
		seqs = append(seqs, sseq)
		if rnd.IntN(1000) > 0 || taken == len(want) {
			continue
		}
		to := seqs[taken+rnd.IntN(len(seqs)-taken)]
		for _, reply := range l.take(to, len(want)) {
			if reply != want[taken] {
				t.Fatalf("entry %d is %q, want %q", taken, reply, want[taken])
			}
			taken++
		}
		if taken < len(seqs) && seqs[taken] <= to || taken > 0 && seqs[taken-1] > to {
			t.Fatalf("took up to %d, asked for %d", seqs[taken-1], to)
		}
		if l.n != len(want)-taken {
			t.Fatalf("%d entries, want %d", l.n, len(want)-taken)
		}
	}
	rest := l.take(^uint64(0), len(want))
	if len(rest) != len(want)-taken || rest[len(rest)-1] != want[len(want)-1] {
		t.Fatalf("the last %d of %d entries, want %d", len(rest), len(want), len(want)-taken)
	}
	if l.n != 0 || l.chunks != nil {
		t.Errorf("an empty ledger holds %d entries, %d chunks", l.n, len(l.chunks))
	}
}

// A typical message must cost little: a million of them are unacknowledged at a time.
func TestLedgerSize(t *testing.T) {
	l := &ledger{}
	const n = 100_000
	for i := range uint64(n) {
		l.add(ackToken{sseq: i + 1, dseq: i + 1, time: int64(1_700_000_000_000_000_000 + i*12_345), pending: n - i})
	}
	size := 0
	for _, c := range l.chunks {
		size += cap(c)
	}
	if perMessage := float64(size) / n; perMessage > 8 {
		t.Errorf("%.1f bytes a message", perMessage)
	}
}

func TestLedgerOldest(t *testing.T) {
	l := &ledger{}
	start := time.Now()
	for i := range uint64(10) {
		l.add(ackToken{sseq: i + 1, dseq: i + 1})
		l.mark(start.Add(time.Duration(i) * time.Second))
	}
	for i := range uint64(10) {
		if got := l.oldest(); !got.Equal(start.Add(time.Duration(i) * time.Second)) {
			t.Fatalf("after %d acks the oldest is of %v", i, got.Sub(start))
		}
		l.take(i+1, 1)
	}
	if got := l.oldest(); !got.IsZero() {
		t.Errorf("oldest of an empty ledger: %v", got)
	}
}

func TestAckToken(t *testing.T) {
	want := ackToken{delivered: 3, sseq: 4711, dseq: 42, time: 1_700_000_000_123_456_789, pending: 9}
	const numbers = "3.4711.42.1700000000123456789.9"
	for name, c := range map[string]struct {
		reply  string
		prefix string
	}{
		"short":       {"$JS.ACK.S.D." + numbers, "$JS.ACK.S.D."},
		"long":        {"$JS.ACK.hub.hash.S.D." + numbers, "$JS.ACK.hub.hash.S.D."},
		"longer":      {"$JS.ACK._.hash.S.D." + numbers + ".random", "$JS.ACK._.hash.S.D."},
		"even longer": {"$JS.ACK._.hash.S.D." + numbers + ".a.b", "$JS.ACK._.hash.S.D."},
	} {
		var p ackParser
		for range 2 { // with and without a remembered prefix
			got, ok := p.parse(c.reply)
			if !ok || got != want || p.prefix != c.prefix {
				t.Errorf("%s: %+v, %t, prefix %q", name, got, ok, p.prefix)
			}
		}
	}
	for _, reply := range []string{
		"", "x", "_INBOX.a", "$JS.ACK.S.D.1.2.3.4", "$JS.ACK.S.D.1.2.3.4.x", "$JS.ACK.S.D.1.2.3..5", "$JS.ACK.S.D.1.2.-3.4.5",
		"$JS.ACK.a.S.D.1.2.3.4.5", "$JS.NAK.S.D.1.2.3.4.5",
	} {
		if got, ok := new(ackParser).parse(reply); ok {
			t.Errorf("%q parsed as %+v", reply, got)
		}
	}
}

func FuzzAckToken(f *testing.F) {
	f.Add("$JS.ACK.S.D.1.2.3.4.5")
	f.Add("$JS.ACK.a.b.S.D.1.2.3.4.5.6")
	f.Fuzz(func(t *testing.T, reply string) {
		var p ackParser
		first, ok := p.parse(reply)
		if !ok {
			return
		}
		if !strings.HasPrefix(reply, p.prefix) {
			t.Fatalf("%q has the prefix %q", reply, p.prefix)
		}
		if again, ok := p.parse(reply); !ok || again != first {
			t.Fatalf("%q: %+v, then %+v, %t", reply, first, again, ok)
		}
	})
}
