package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// generator makes the messages of a stream, the same ones in each run. They are orders that compress about as well as
// real ones.
type generator struct {
	stream             stream
	random             *rand.Rand
	n                  int // messages made
	first, last, words []string
}

// newGenerator returns a generator that begins with the first message.
func newGenerator(s stream) *generator {
	return &generator{
		stream: s,
		random: rand.New(rand.NewPCG(1, 2)),
		first: strings.Fields("Ada Alan Barbara Claude Donald Edsger Frances Grace " +
			"John Katherine Ken Leslie Margaret Niklaus Radia Tony"),
		last: strings.Fields("Allen Berners Dijkstra Hamilton Hoare Hopper Johnson " +
			"Kernighan Knuth Lamport Liskov Lovelace Perlman Ritchie Shannon " +
			"Thompson Turing Wirth"),
		words: strings.Fields("a and at bell door for front gate in is leave left no of on or " +
			"please ring the to two with without extra cheese olives basil " +
			"spicy thin crust call before later than noon"),
	}
}

// next returns a subject and a payload. Payloads have the stream's size, or more if the fields need more.
func (g *generator) next() (subject string, payload []byte) {
	g.n++
	r := g.random
	key := fmt.Sprintf("store-%05d", r.IntN(g.stream.keys))
	at := time.UnixMilli(1_790_000_000_000 + int64(g.n)*37).UTC()
	b := fmt.Appendf(make([]byte, 0, g.stream.size),
		`{"id":%d,"first_name":%q,"last_name":%q,"region":%q,"quantity":%d,"price":%d.%02d,"paid":%t,"at":%q,"note":"`,
		g.n, pick(r, g.first), pick(r, g.last), key, 1+r.IntN(9), r.IntN(90), r.IntN(100), r.IntN(4) > 0,
		at.Format(time.RFC3339Nano))
	const end = `"}`
	note := len(b)
	for len(b) < g.stream.size-len(end) {
		b = append(append(b, pick(r, g.words)...), ' ')
	}
	b = append(b[:max(note, min(len(b), g.stream.size-len(end)))], end...)
	return g.stream.name + "." + key, b
}

// pick returns a random element.
func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }
