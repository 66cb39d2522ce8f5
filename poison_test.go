package jetcapture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// rawHeaders are header blocks that the client cannot parse.
var rawHeaders = []string{"NATS/1.0\r\nno colon here\r\n\r\n", "HTTP/1.1 200\r\nA: b\r\n\r\n"}

// publishRaw stores a message with such a header.
func (r *rig) publishRaw(subject, header, data string) {
	r.t.Helper()
	natstest.PublishRaw(r.t, r.server.Addr(), subject, header, []byte(data))
	r.last++
	r.held = append(r.held, oracle.Message{Seq: r.last, Subject: subject, Data: []byte(data)})
}

// letters are the dead letters of an archive.
func letters(t *testing.T, a *oracle.Archive) (all []jetcapture.DeadLetter) {
	t.Helper()
	for _, f := range a.Files(true) {
		for _, row := range oracle.Lines(f.Plain) {
			var d jetcapture.DeadLetter
			if err := json.Unmarshal(row, &d); err != nil {
				t.Fatal(err)
			}
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b jetcapture.DeadLetter) int { return int(a.Seq) - int(b.Seq) })
	return all
}

// poisoned returns a stream with a message for each thing that can be wrong, and good messages around them. It also
// returns the poison sequences and what their errors say.
func poisoned(t *testing.T) (r *rig, poison []uint64, says map[uint64]string) {
	r = newRig(t)
	says = map[uint64]string{}
	add := func(what string, publish func()) {
		r.publish(3, "s.a", "s.b")
		publish()
		poison = append(poison, r.last)
		says[r.last] = what
	}
	store := func(subject, data string) func() {
		return func() { r.store(oracle.Message{Subject: subject, Data: []byte(data)}) }
	}
	add("not a message of ours", store("s.a", "undecodable"))
	add("decoder panics: not a message of ours", store("s.b", "decoder panic"))
	add("no such row", store("s.a", "unwritable"))
	add("writer panics: no such row", store("s.c", "panicking")) // the only message of its block
	for _, h := range rawHeaders {
		add("header cannot be parsed", func() { r.publishRaw("s.a", h, "payload") })
	}
	r.publish(5, "s.a", "s.b")
	return r, poison, says
}

func TestPoisonToDeadLetters(t *testing.T) {
	for _, m := range []mode{direct, hiding, declared} {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			r, poison, says := poisoned(t)
			var mu sync.Mutex
			var told []uint64
			o := r.lines(&counted{}, m)
			o.Poison = jetcapture.PoisonDeadLetter
			o.Hooks.Poison = func(p jetcapture.PoisonMessage) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, p.Err.Seq)
				wantEqual(t, "policy", p.Policy, jetcapture.PoisonDeadLetter)
				wantEqual(t, "stream", p.Err.Stream, "S")
				wantText(t, p.Err, says[p.Err.Seq])
			}
			var done jetcapture.CutDone
			o.Hooks.CutDone = func(e jetcapture.CutDone) { done = e }
			s := capture(r, o)
			a := r.wantLines()
			n := int64(len(poison))
			wantEqual(t, "Stats.Dead", s.Dead, n)
			wantEqual(t, "Stats.Skipped", s.Skipped, 0)
			wantEqual(t, "Stats.Messages", s.Messages, int64(r.last))
			wantEqual(t, "Stats.Rows", s.Rows, int64(r.last))
			wantEqual(t, "CutDone.Dead", done.Dead, n)
			wantEqual(t, "CutDone.Messages", done.Messages, int64(r.last))
			slices.Sort(told)
			if !slices.Equal(told, poison) {
				t.Errorf("hook heard of %v, want %v", told, poison)
			}
			got := letters(t, a)
			if len(got) != len(poison) {
				t.Fatalf("%d dead letters, want %d", len(got), len(poison))
			}
			for i, d := range got {
				r.checkLetter(d, poison[i], says[poison[i]])
			}
			for _, f := range a.Files(true) {
				if !strings.HasPrefix(f.Name, "_deadletter/S/") || !strings.HasSuffix(f.Name, ".ndjson.gz") {
					t.Errorf("dead letters in %s", f.Name)
				}
			}
		})
	}
}

// checkLetter compares a dead letter with the stored message.
func (r *rig) checkLetter(d jetcapture.DeadLetter, seq uint64, says string) {
	r.t.Helper()
	// The client's own GetMsg fails if it cannot parse the header.
	stored, err := reader.NewSource(r.nc, "", "S").Get(r.t.Context(), seq)
	if err != nil {
		r.t.Fatal(err)
	}
	wantEqual(r.t, "stream of a dead letter", d.Stream, "S")
	wantEqual(r.t, "sequence of a dead letter", d.Seq, seq)
	wantEqual(r.t, "subject of a dead letter", d.Subject, stored.Subject)
	wantEqual(r.t, "payload of a dead letter", string(d.Data), string(stored.Data))
	wantEqual(r.t, "time of a dead letter", d.Time, stored.Time.UTC())
	if !strings.Contains(d.Error, says) {
		r.t.Errorf("dead letter %d has the error %q, want %q", d.Seq, d.Error, says)
	}
}

func TestUnparsableHeadersAreKept(t *testing.T) {
	r := newRig(t)
	for _, h := range rawHeaders {
		r.publishRaw("s.a", h, "")
	}
	r.publishRaw("s.a", "NATS/1.0\r\nGood: 1\r\nGood: 2\r\n\r\n", "ok")
	r.publishRaw("s.a", "NATS/1.0\r\n\r\n", "no header at all")
	o := r.options()
	o.Poison = jetcapture.PoisonDeadLetter
	s := capture(r, o)
	got := letters(t, r.wantAll())
	if len(got) != len(rawHeaders) || s.Dead != int64(len(rawHeaders)) {
		t.Fatalf("dead letters %+v, want %d", got, len(rawHeaders))
	}
	for i, d := range got {
		if string(d.HeaderRaw) != rawHeaders[i] || d.Header != nil {
			t.Errorf("dead letter has header %v, raw %q, want %q", d.Header, d.HeaderRaw, rawHeaders[i])
		}
	}
}

func TestPoisonSkipped(t *testing.T) {
	for _, m := range []mode{direct, hiding, declared} {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			r, poison, _ := poisoned(t)
			o := r.lines(&counted{}, m)
			o.Poison = jetcapture.PoisonSkip
			s := capture(r, o)
			a := r.wantLines()
			n := int64(len(poison))
			wantSlice(t, "skipped in the archive", a.Skipped(), poison)
			wantEqual(t, "skipped in Stats", s.Skipped, n)
			wantEqual(t, "dead letters", s.Dead, 0)
			wantEqual(t, "rows", s.Rows, int64(r.last)-n)
			wantEqual(t, "files of dead letters", len(a.Files(true)), 0)
		})
	}
}

func TestPoisonFails(t *testing.T) {
	for _, m := range []mode{direct, declared} {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			r, poison, says := poisoned(t)
			o := r.lines(&counted{}, m)
			var found []uint64
			for { // an operator deletes one after the other
				s, err := tryCapture(r, o)
				if err == nil {
					break
				}
				p, ok := errorAs[*jetcapture.PoisonError](err)
				if !ok || !strings.Contains(err.Error(), says[p.Seq]) || !strings.Contains(err.Error(), fmt.Sprint(p.Seq)) {
					t.Fatalf("Run = %v", err)
				}
				if s.Dead+s.Skipped+s.Cuts != 0 {
					t.Errorf("stats %+v", s)
				}
				found = append(found, p.Seq)
				if err := r.stream().DeleteMsg(t.Context(), p.Seq); err != nil {
					t.Fatal(err)
				}
				r.held = slices.DeleteFunc(r.held, func(m oracle.Message) bool { return m.Seq == p.Seq })
			}
			slices.Sort(found)
			if a := r.wantLines(); !slices.Equal(found, poison) || !slices.Equal(a.Lost()["removed"], poison) {
				t.Errorf("failed at %v, lost %v, want %v", found, a.Lost(), poison)
			}
		})
	}
}

func TestErrSkip(t *testing.T) {
	for _, m := range []mode{direct, declared} {
		for _, policy := range []jetcapture.PoisonPolicy{"", jetcapture.PoisonDeadLetter, jetcapture.PoisonSkip} {
			t.Run(fmt.Sprint(m, policy), func(t *testing.T) {
				r := newRig(t)
				var want []uint64
				for i := range 30 {
					if i%3 == 0 {
						r.store(oracle.Message{Subject: "s.a", Data: []byte("leave out")})
						want = append(want, r.last)
					} else {
						r.publish(1, "s.a", "s.b")
					}
				}
				o := r.lines(&counted{}, m)
				o.Poison = policy
				o.Hooks.Poison = func(p jetcapture.PoisonMessage) { t.Errorf("hook heard of poison: %v", p.Err) }
				s := capture(r, o)
				a := r.wantLines()
				wantSlice(t, "skipped in the archive", a.Skipped(), want)
				wantEqual(t, "skipped in Stats", s.Skipped, 10)
				wantEqual(t, "rows", s.Rows, 20)
				wantEqual(t, "dead letters", s.Dead, 0)
			})
		}
	}
}

// TestEverythingSkipped leaves a cut without a file.
func TestEverythingSkipped(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	o := r.options()
	o.MessageDecoder = func(*nats.Msg) (*jetcapture.NatsMessage, string, error) { return nil, "", jetcapture.ErrSkip }
	s := capture(r, o)
	a := r.wantAll()
	wantEqual(t, "stored up to", a.To(), 10)
	wantEqual(t, "files", len(a.Files(false)), 0)
	wantEqual(t, "skipped", s.Skipped, 10)
	wantEqual(t, "cuts", s.Cuts, 1)
}

// TestHostileMessages captures messages that are hard to keep. Nothing of them may change.
func TestHostileMessages(t *testing.T) {
	r := newRig(t)
	subjects := []string{
		"s.\xff\xfe", "s.ü", "s.\"quoted\"", "s.<&>", "s.\u2028", "s." + strings.Repeat("long", 50), "s.-",
		"s._jetcapture",
	}
	for _, subject := range subjects {
		r.store(oracle.Message{Subject: subject, Data: []byte("x")})
	}
	r.store(oracle.Message{Subject: "s.empty", Data: []byte("")})
	r.store(oracle.Message{Subject: "s.binary", Data: []byte("\x00\xff\r\n\x1f\x8b")})
	r.store(oracle.Message{Subject: "s.large", Data: []byte(strings.Repeat("x", int(r.nc.MaxPayload())))})
	natstest.Publish(t, r.nc, 1, func(int) *nats.Msg {
		r.last++
		r.held = append(r.held, oracle.Message{Seq: r.last, Subject: "s.header", Data: []byte("x")})
		header := nats.Header{"A": {"1", "2", "1"}, "b": {"\xff\xfe"}, "C": {""}}
		return &nats.Msg{Subject: "s.header", Data: []byte("x"), Header: header}
	})
	o := r.options()
	o.Poison = jetcapture.PoisonFail
	capture(r, o)
	a := r.wantAll()
	var header struct {
		Header    map[string][]string `json:"header"`
		HeaderRaw []byte              `json:"header_raw"`
	}
	for _, f := range a.Files(false) {
		if f.Key[0] == "s.header" {
			if err := json.Unmarshal(f.Plain, &header); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantSlice(t, "header A", header.Header["A"], []string{"1", "2", "1"})
	if raw := "b: \xff\xfe\r\n"; !bytes.Contains(header.HeaderRaw, []byte(raw)) {
		t.Errorf("raw header %q, want %q in it", header.HeaderRaw, raw)
	}
}

// TestBrokenKeys: a key that cannot be a path makes its messages poison, and no others.
func TestBrokenKeys(t *testing.T) {
	r := newRig(t)
	r.publish(50, "s.good", "s.bad", "s.none", "s.deep", "s.panic")
	o := r.options()
	o.Poison = jetcapture.PoisonDeadLetter
	o.Archive.Segments = func(key string) ([]string, error) {
		switch key {
		case "s.bad":
			return nil, errors.New("no place for it")
		case "s.panic":
			panic("no place for it")
		case "s.none":
			return nil, nil
		case "s.deep":
			return slices.Repeat([]string{strings.Repeat("deep", 40)}, 8), nil // a name of more than 900 bytes
		}
		return []string{"a", key}, nil
	}
	s := capture(r, o)
	a := r.wantAll()
	got := letters(t, a)
	if s.Dead != 30 || len(got) != 30 || len(a.Files(false)) != 2 {
		t.Errorf("%d dead letters, %d files, stats %+v", len(got), len(a.Files(false)), s)
	}
	for _, d := range got {
		want := "no place for it"
		if d.Subject == "s.deep" {
			want = "900"
		}
		if !strings.Contains(d.Error, want) {
			t.Errorf("sequence %d (%s) is dead: %s", d.Seq, d.Subject, d.Error)
		}
	}
}
