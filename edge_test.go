package jetcapture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// edgeOptions decode messages to their payload and the key that byKey finds, and write payloads as lines.
func edgeOptions[K DestKey](byKey func(payload string) (K, error)) *Options[string, K] {
	return &Options[string, K]{
		Archive: ArchiveOptions[K]{Bucket: bucket.NewMem(), Capture: "S"},
		MessageDecoder: func(m *nats.Msg) (string, K, error) {
			key, err := byKey(string(m.Data))
			return string(m.Data), key, err
		},
		WriterFactory: func() FormattedDataWriter[string] { return &edgeWriter{} },
	}
}

// edgeWriter writes lines. A payload, or the field fails, makes one of its methods panic.
type edgeWriter struct {
	out   io.Writer
	fails string // InitNew or Flush
}

func (w *edgeWriter) InitNew(out io.Writer) error {
	if w.out = out; w.fails == "InitNew" {
		panic("InitNew is broken")
	}
	return nil
}

func (w *edgeWriter) Write(line string) (int, error) {
	if line == "panic" {
		panic("Write is broken")
	}
	return fmt.Fprintln(w.out, line)
}

func (w *edgeWriter) Flush() error {
	if w.fails == "Flush" {
		panic("Flush is broken")
	}
	return nil
}

// decoded returns a batch with a slot for each payload.
func decoded(u capture.User, payloads ...string) capture.Batch {
	b := u.NewBatch()
	b.Reset(len(payloads))
	for i, p := range payloads {
		_ = b.Decode(i, &reader.Message{Msg: &nats.Msg{Subject: "s", Data: []byte(p)}}) // Keys.Group returns the error
	}
	return b
}

// groups returns the groups of all slots, which must have one.
func groups(t *testing.T, k capture.Keys, b capture.Batch, n int) (all []capture.Group) {
	t.Helper()
	for i := range n {
		g, err := k.Group(b, i)
		if err != nil {
			t.Errorf("slot %d: %v", i, err)
		}
		all = append(all, g)
	}
	return all
}

// wantPanic checks that an error is a panic of the user's code with this value.
func wantPanic(t *testing.T, what string, err error, value string) {
	t.Helper()
	var p *capture.PanicError
	if !errors.As(err, &p) || p.Value != value {
		t.Errorf("%s: error %v (%T), want a PanicError of %q", what, err, err, value)
	}
}

func sameKey(payload string) (string, error) { return payload, nil }

func TestEdgeGroupsOfEqualKeys(t *testing.T) {
	u := user[string, string]{opts: edgeOptions(sameKey)}
	k := u.NewKeys()
	b := decoded(u, "a", "b", "a", "c", "b")
	if got, want := groups(t, k, b, 5), []capture.Group{0, 1, 0, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("groups %v, want %v", got, want)
	}
	if got := groups(t, u.NewKeys(), decoded(u, "c"), 1); got[0] != 0 {
		t.Errorf("group %d in the keys of another cut, want 0", got[0])
	}
}

// TestEdgeKeysThatShareAPath: different keys with one directory are one group, and so one file.
func TestEdgeKeysThatShareAPath(t *testing.T) {
	o := edgeOptions(sameKey)
	o.Archive.Segments = func(key string) ([]string, error) { return []string{key[:1]}, nil }
	u := user[string, string]{opts: o}
	k := u.NewKeys()
	b := decoded(u, "a1", "b1", "a2", "b2", "a1")
	if got, want := groups(t, k, b, 5), []capture.Group{0, 1, 0, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("groups %v, want %v", got, want)
	}
	window := time.Date(2026, 11, 24, 6, 15, 0, 0, time.UTC).UnixNano()
	dir, key, err := k.Dir(1, window)
	if want := "b/2026/11/24/06/15"; err != nil || dir != want || !slices.Equal(key, []cutlog.Text{"b"}) {
		t.Errorf("Dir = %q, %q, %v, want %q and the key b", dir, key, err, want)
	}
}

// TestEdgeKeysNotEqualToThemselves: NaN is a new map key each time, and must still have one file.
func TestEdgeKeysNotEqualToThemselves(t *testing.T) {
	u := user[string, float64]{opts: edgeOptions(func(string) (float64, error) { return math.NaN(), nil })}
	k := u.NewKeys()
	if got, want := groups(t, k, decoded(u, "a", "b", "c"), 3), []capture.Group{0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("groups %v, want %v", got, want)
	}
}

// TestEdgeBrokenKeys: a key that cannot be a path has its error for each message, and takes no directory from others.
func TestEdgeBrokenKeys(t *testing.T) {
	o := edgeOptions(sameKey)
	asked := map[string]int{}
	o.Archive.Segments = func(key string) ([]string, error) {
		asked[key]++
		switch key {
		case "none":
			return nil, nil
		case "panic":
			panic("Segments is broken")
		case "deep":
			return slices.Repeat([]string{strings.Repeat("deep", 40)}, 8), nil
		}
		return nil, errors.New("no place for " + key)
	}
	u := user[string, string]{opts: o}
	k := u.NewKeys()
	b := decoded(u, "bad", "panic", "none", "deep")
	for range 2 {
		if _, err := k.Group(b, 0); err == nil || !strings.Contains(err.Error(), "no place for bad") {
			t.Errorf("a key without a place: error %v", err)
		}
		_, err := k.Group(b, 1)
		wantPanic(t, "a panic of Segments", err, "Segments is broken")
		if _, err := k.Group(b, 2); err != nil { // its path is as empty as that of a broken key
			t.Errorf("a key without segments: error %v, want none", err)
		}
		if _, err := k.Group(b, 3); err == nil {
			t.Error("a path that is too long: no error")
		}
	}
	for key, n := range asked {
		if n != 1 {
			t.Errorf("Segments was asked %d times for %q, want once", n, key)
		}
	}
}

func TestEdgeLayout(t *testing.T) {
	o := edgeOptions(sameKey)
	o.Archive.Layout = func(segments []string, window time.Time) []string {
		if segments[0] == "panic" {
			panic("Layout is broken")
		}
		return []string{window.Format("2006"), "../" + segments[0]}
	}
	u := user[string, string]{opts: o}
	k := u.NewKeys()
	got := groups(t, k, decoded(u, "a", "panic"), 2)
	window := time.Date(2026, 11, 24, 6, 15, 0, 0, time.UTC).UnixNano()
	if dir, _, err := k.Dir(got[0], window); err != nil || dir != "2026/%2E.%2Fa" {
		t.Errorf("Dir = %q, %v, want 2026/%%2E.%%2Fa", dir, err)
	}
	_, _, err := k.Dir(got[1], window)
	wantPanic(t, "a panic of Layout", err, "Layout is broken")
}

// TestEdgeDecodeErrors: Keys.Group returns what Decode returned.
func TestEdgeDecodeErrors(t *testing.T) {
	refused := errors.New("not ours")
	u := user[string, string]{opts: edgeOptions(func(payload string) (string, error) {
		switch payload {
		case "skip":
			return "", fmt.Errorf("on purpose: %w", ErrSkip)
		case "refuse":
			return "", refused
		case "panic":
			panic("the decoder is broken")
		}
		return payload, nil
	})}
	b := decoded(u, "skip", "refuse", "panic", "good", "broken header")
	unparsed := &reader.Message{Msg: &nats.Msg{Data: []byte("good")}, Header: []byte("no header")}
	if err := b.Decode(4, unparsed); err == nil || !strings.Contains(err.Error(), "header") {
		t.Errorf("Decode of a header that cannot be parsed = %v", err)
	}
	k := u.NewKeys()
	for i, want := range []error{ErrSkip, refused} {
		if _, err := k.Group(b, i); !errors.Is(err, want) {
			t.Errorf("slot %d: error %v, want %v", i, err, want)
		}
	}
	_, err := k.Group(b, 2)
	wantPanic(t, "a panic of the decoder", err, "the decoder is broken")
	if g, err := k.Group(b, 3); g != 0 || err != nil {
		t.Errorf("a good message: group %d, %v, want 0: errors take no number", g, err)
	}
	if _, err := k.Group(b, 4); err == nil {
		t.Error("a header that cannot be parsed: no error")
	}
}

// TestEdgeBatchIsUsedAgain: nothing of an earlier use shows after Reset.
func TestEdgeBatchIsUsedAgain(t *testing.T) {
	u := user[string, string]{opts: edgeOptions(func(payload string) (string, error) {
		if payload == "refuse" {
			return "", errors.New("not ours")
		}
		return payload, nil
	})}
	b := decoded(u, "refuse", "a", "refuse")
	room := cap(b.(*batch[string, string]).items)
	b.Reset(0)
	for _, it := range b.(*batch[string, string]).items[:3] {
		if it != (item[string, string]{}) {
			t.Errorf("a slot holds %+v after Reset, want nothing", it)
		}
	}
	b.Reset(room)
	if got := cap(b.(*batch[string, string]).items); got != room || room > 4 {
		t.Errorf("room for %d messages, for 3 messages it was %d, want 4 both times", got, room)
	}
	if err := b.Decode(0, &reader.Message{Msg: &nats.Msg{Data: []byte("good")}}); err != nil {
		t.Errorf("Decode = %v", err)
	}
	if _, err := u.NewKeys().Group(b, 0); err != nil {
		t.Errorf("a slot that had an error before: %v, want none", err)
	}
}

func TestEdgeWriter(t *testing.T) {
	o := edgeOptions(sameKey)
	u := user[string, string]{opts: o}
	w, err := u.NewWriter()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := w.Start(&out); err != nil {
		t.Fatal(err)
	}
	b := decoded(u, "a", "panic")
	if _, err := b.Write(0, w); err != nil || out.String() != "a\n" {
		t.Errorf("Write = %v, it wrote %q, want a line", err, out.String())
	}
	_, err = b.Write(1, w)
	wantPanic(t, "a panic of Write", err, "Write is broken")
	if err := w.Finish(); err != nil {
		t.Errorf("Finish = %v", err)
	}
	wantPanic(t, "a panic of InitNew", (&writer[string]{&edgeWriter{fails: "InitNew"}}).Start(&out), "InitNew is broken")
	wantPanic(t, "a panic of Flush", (&writer[string]{&edgeWriter{fails: "Flush"}}).Finish(), "Flush is broken")
	o.WriterFactory = func() FormattedDataWriter[string] { return nil }
	if w, err := u.NewWriter(); err == nil {
		t.Errorf("NewWriter = %v for a nil writer, want an error", w)
	}
}

// edgeHolder is a writer that says what it holds.
type edgeHolder struct {
	edgeWriter
	buffered bool
	held     int64
}

func (w *edgeHolder) Buffered() bool { return w.buffered }
func (w *edgeHolder) Held() int64    { return w.held }

// edgeBuffer is a writer that says only that it holds rows back.
type edgeBuffer struct{ edgeWriter }

func (*edgeBuffer) Buffered() bool { return true }

func TestEdgeHeld(t *testing.T) {
	for name, c := range map[string]struct {
		w    FormattedDataWriter[string]
		want capture.Held
	}{
		"plain":        {&edgeWriter{}, capture.HoldsNothing},
		"not buffered": {&edgeHolder{held: 7}, capture.HoldsNothing},
		"buffered":     {&edgeBuffer{}, capture.HoldsUnknown},
		"eager":        {&edgeHolder{buffered: true, held: 7}, 7},
		"eager, empty": {&edgeHolder{buffered: true}, 1}, // 0 would mean that it writes each row at once
	} {
		if got := (&writer[string]{c.w}).Held(); got != c.want {
			t.Errorf("%s: Held = %d, want %d", name, got, c.want)
		}
	}
}

// TestEdgeHeaderBlock: a decoder gets the whole block of a header that a client parses in part, unless a plan of an
// earlier version is finished.
func TestEdgeHeaderBlock(t *testing.T) {
	const block = "NATS/1.0\r\nA: b\r\n\r\nXYZ"
	o := edgeOptions(func(payload string) (string, error) { return payload, nil })
	decode := NatsToNats(SubjectToDestKey)
	var got *NatsMessage
	o.MessageDecoder = func(msg *nats.Msg) (p string, k string, err error) {
		got, k, err = decode(msg)
		return "", k, err
	}
	m := &reader.Message{Block: block, Msg: &nats.Msg{
		Subject: "s", Header: nats.Header{"A": {"b"}}, Sub: &nats.Subscription{},
		Reply: "$JS.ACK.S.c.1.1.1.1700000000000000000.0",
	}}
	now := o.settings()
	before := maps.Clone(now)
	delete(before, cutlog.SettingHeaders)
	for want, settings := range map[string]cutlog.Settings{block: now, "": before} {
		form, err := o.formOf(settings)
		if err != nil {
			t.Fatal(err)
		}
		b := form.User.NewBatch()
		b.Reset(1)
		if err := b.Decode(0, m); err != nil {
			t.Fatal(err)
		}
		if string(got.HeaderRaw) != want || len(got.Header) != 1 {
			t.Errorf("header %q, block %q, want block %q", got.Header, got.HeaderRaw, want)
		}
	}
	raw, err := (&NatsMessage{HeaderRaw: []byte(block), Metadata: &nats.MsgMetadata{}}).AppendRaw(nil)
	if err != nil || !strings.HasSuffix(string(raw), block) {
		t.Errorf("a raw record %q, %v, want the block as it is", raw, err)
	}
	if _, kept := m.Msg.Header[""]; kept {
		t.Error("the message itself was changed: its anchor would be another one")
	}
}
