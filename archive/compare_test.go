package archive_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// liveStream is a stream of a server, read message by message.
type liveStream struct {
	*reader.Source
	closed *int
}

func (s liveStream) Info(ctx context.Context) (archive.StreamInfo, error) {
	info, err := s.Source.Info(ctx)
	return archive.StreamInfo{Created: info.Created, First: info.FirstSeq, Last: info.LastSeq}, err
}

func (s liveStream) Messages(ctx context.Context, after, through uint64) iter.Seq2[archive.Message, error] {
	return func(yield func(archive.Message, error) bool) {
		for seq := after + 1; seq <= through; seq++ {
			m, err := s.Get(ctx, seq)
			if err != nil {
				continue // dropped
			}
			if strings.ContainsRune(m.Subject, utf8.RuneError) {
				continue // the API cannot say a subject that is not UTF-8
			}
			header, err := nats.DecodeHeadersMsg(m.Header)
			if len(m.Header) == 0 {
				header, err = nil, nil
			}
			out := archive.Message{Seq: m.Seq, Time: m.Time, Subject: m.Subject, Header: header, Data: m.Data}
			if err != nil {
				out.HeaderRaw = m.Header
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}

func (s liveStream) Close(context.Context) error { *s.closed++; return nil }

// against opens live streams.
func against(t *testing.T, nc *nats.Conn) func(context.Context, cutlog.Format) (archive.Stream, error) {
	opened, closed := 0, 0
	t.Cleanup(func() {
		if opened != closed {
			t.Errorf("%d streams opened, %d closed", opened, closed)
		}
	})
	return func(_ context.Context, f cutlog.Format) (archive.Stream, error) {
		opened++
		return liveStream{reader.NewSource(nc, "", f.Stream), &closed}, nil
	}
}

// publishOdd publishes what is hard to compare.
func publishOdd(t *testing.T, srv *natstest.Server, nc *nats.Conn) {
	t.Helper()
	odd := []*nats.Msg{
		{Subject: "orders.1.a", Data: []byte("{\n  \"many\": \"lines\"\n}")},
		{Subject: "orders.1.b", Data: []byte(`{"html":"<&>"}`), Header: nats.Header{"a": {"x", "y"}, "A": {"z"}}},
		{Subject: "orders.1.\xff", Data: []byte(`{"not":"UTF-8"}`), Header: nats.Header{"b": {"\xfe"}}},
		{Subject: "orders.1.c", Data: []byte("no JSON\r\nof two lines"), Header: nats.Header{"c": {"\xff"}}},
		{Subject: "orders.1.d", Data: []byte(strings.Repeat(`{"a":1}`, 1) + strings.Repeat(" ", 200_000))},
	}
	natstest.Publish(t, nc, len(odd), func(i int) *nats.Msg { return odd[i] })
	// No client parses these headers.
	natstest.PublishRaw(t, srv.Addr(), "orders.2.raw", "NATS/1.0\r\nno colon\r\n\r\n", []byte(`{"header":"bad"}`))
}

func TestAgainstStream(t *testing.T) {
	srv, nc := ordersStream(t)
	b := bucket.NewMem()
	for range 2 {
		publish(t, nc, 100)
		publishOdd(t, srv, nc)
		capture(t, nc, captureOptions(b, "whole", record{"ndjson", "message"}))
		capture(t, nc, captureOptions(b, "payloads", record{"ndjson", "payload"}))
		capture(t, nc, captureOptions(b, "table", record{"csv", ""}))
		capture(t, nc, captureOptions(b, "other", record{"", ""}))
	}
	o := read(t, b)
	for _, chunk := range []int{10, 1000} {
		r := verify(t, b, archive.VerifyOptions{Against: against(t, nc)}.WithSmallLimits(0, chunk))
		r.clean(t)
		expect(t, r.notes)
		// Of 2 x 105 messages that can be read, 2 x 4 are skipped; of the captures table and other only the 2 x 12 dead
		// letters can be compared.
		if r.Compared != 2*202+2*24 || r.Uncompared != 2*(202-24) {
			t.Errorf("chunks of %d: compared %d, not %d", chunk, r.Compared, r.Uncompared)
		}
	}

	// What the stream has dropped is not compared.
	js := natstest.JetStream(t, nc)
	s, err := js.Stream(t.Context(), "ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{30, 31, 120} {
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Purge(t.Context(), jetstream.WithPurgeSequence(11)); err != nil {
		t.Fatal(err)
	}
	r := verify(t, b, archive.VerifyOptions{Against: against(t, nc)})
	r.clean(t)
	if r.Compared >= 2*202+2*24 || r.Compared < 400 {
		t.Errorf("compared %d", r.Compared)
	}

	t.Run("a stream that is not there", func(t *testing.T) {
		gone := func(context.Context, cutlog.Format) (archive.Stream, error) { return noStream{}, nil }
		r := verify(t, o.bucket(t), archive.VerifyOptions{Against: gone, Capture: "whole"})
		r.clean(t)
		expect(t, r.notes, finding{archive.Unchecked, cutlog.FormatName("whole"), "", "does not exist"})
	})
	t.Run("recreated", func(t *testing.T) {
		if err := js.DeleteStream(t.Context(), "ORDERS"); err != nil {
			t.Fatal(err)
		}
		natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS"})
		r := verify(t, b, archive.VerifyOptions{Against: against(t, nc), Capture: "whole"})
		r.clean(t)
		expect(t, r.notes, finding{archive.Unchecked, cutlog.FormatName("whole"), "", "another one, created at"})
		publish(t, nc, 50)
		capture(t, nc, captureOptions(b, "whole", record{"ndjson", "message"}))
		r = verify(t, b, archive.VerifyOptions{Against: against(t, nc), Capture: "whole"})
		r.clean(t)
		expect(t, r.notes)
		if r.Compared != 48 {
			t.Errorf("compared %d, want 48", r.Compared)
		}
	})
}

// noStream is a stream that does not exist.
type noStream struct{ archive.Stream }

func (noStream) Info(context.Context) (archive.StreamInfo, error) {
	return archive.StreamInfo{}, fmt.Errorf("stream ORDERS: %w", archive.ErrNoStream)
}
func (noStream) Close(context.Context) error { return nil }

// fakeStream holds messages that a test makes up.
type fakeStream struct {
	created  time.Time
	messages []archive.Message
}

func (s *fakeStream) Info(context.Context) (archive.StreamInfo, error) {
	i := archive.StreamInfo{Created: s.created}
	if n := len(s.messages); n > 0 {
		i.First, i.Last = s.messages[0].Seq, s.messages[n-1].Seq
	}
	return i, nil
}

func (s *fakeStream) Messages(_ context.Context, after, through uint64) iter.Seq2[archive.Message, error] {
	return func(yield func(archive.Message, error) bool) {
		for _, m := range s.messages {
			if m.Seq > after && m.Seq <= through && !yield(m, nil) {
				return
			}
		}
	}
}

func (*fakeStream) Close(context.Context) error { return nil }

// holding is a stream whose payloads are the sequences, as a builder writes them.
func holding(seqs ...uint64) *fakeStream {
	s := &fakeStream{created: created}
	for _, seq := range seqs {
		s.messages = append(s.messages, archive.Message{Seq: seq, Time: created, Subject: "s", Data: []byte(fmt.Sprint(seq))})
	}
	return s
}

// TestDifferences makes streams that hold other messages than the archive.
func TestDifferences(t *testing.T) {
	const a, b = "a/2024/05/06/07/00/", "b/2024/05/06/07/00/"
	plan2, plan3 := cutlog.PlanName("S", 2), cutlog.PlanName("S", 3)
	twoCuts := func(t *testing.T) *builder {
		b := build(t, 0)
		b.cut(map[string][]uint64{"a": {1, 2, 4}, "b": {3, 6, 7}})
		b.cut(map[string][]uint64{"a": {11, 13}, "b": {12}})
		return b
	}
	for _, tt := range []struct {
		name     string
		make     func(t *testing.T) *builder
		stream   *fakeStream
		problems []finding
		compared int64
	}{
		{"the same", twoCuts, holding(1, 2, 3, 4, 6, 7, 11, 12, 13), nil, 9},
		{"less", twoCuts, holding(2, 7, 13), nil, 3},
		{"nothing", twoCuts, holding(), nil, 0},
		{"later ones", twoCuts, holding(100), nil, 0},
		{"a message that was taken for absent", twoCuts, holding(4, 5, 6, 8, 9, 10, 11), []finding{
			{archive.Uncaptured, plan2, "5", "counts as absent"}, {archive.Uncaptured, plan3, "8-10", ""},
		}, 3},
		{"other payloads", twoCuts, func() *fakeStream {
			s := holding(1, 2, 3, 4, 6, 7, 11, 12, 13)
			s.messages[1].Data, s.messages[3].Data, s.messages[5].Data = []byte("x"), nil, []byte("7 ")
			return s
		}(), []finding{
			{archive.Differs, a + name("S", 1, 4), "2, 4", "at sequence 2, the payload differs"},
			{archive.Differs, b + name("S", 3, 7), "7", "at sequence 7, the payload differs"},
		}, 9},
		{"files with losses", func(t *testing.T) *builder {
			b := build(t, 0)
			b.plan(b.next(map[string][]uint64{"a": {1, 2, 3}, "b": {4, 5}, "c": {6, 7, 8}}))
			b.file(b.head.Plan.Blocks[0], cutlog.NewSeqSet(2))
			b.file(b.head.Plan.Blocks[2], cutlog.NewSeqSet())
			b.lose(1, map[int][]uint64{0: {2}, 1: {4, 5}, 2: {7}})
			b.done(nil)
			return b
		}, holding(1, 3, 6, 7, 8), nil, 5},
		{"skipped and lost ones", func(t *testing.T) *builder {
			b := build(t, 0)
			p := b.next(map[string][]uint64{"a": {1, 5}})
			p.Skipped, p.Absent = cutlog.NewSeqSet(2), 1
			p.Lost = []cutlog.LostRange{{Reason: cutlog.LostElsewhere, Seqs: cutlog.NewSeqSet(3)}}
			b.plan(p)
			b.files()
			b.done(nil)
			return b
		}, holding(1, 2, 3, 5), nil, 2},
		{"messages that were taken for dropped", func(t *testing.T) *builder {
			b := build(t, 0)
			p := b.next(map[string][]uint64{"a": {1, 6}})
			p.Absent, p.Lost = 0, []cutlog.LostRange{
				{Reason: cutlog.LostExpired, Seqs: cutlog.NewSeqSet(2)},
				{Reason: cutlog.LostRemoved, Seqs: cutlog.NewSeqSet(3)},
				{Reason: cutlog.LostUnknown, Seqs: cutlog.NewSeqSet(4, 5)},
			}
			b.plan(p)
			b.files()
			b.done(nil)
			return b
		}, holding(1, 2, 3, 4, 5, 6), []finding{{archive.Uncaptured, plan2, "2-3", "as dropped"}}, 2},
		{"a file that is missing is named once", func(t *testing.T) *builder {
			b := twoCuts(t)
			delete(b.o, "b/2024/05/06/07/00/"+name("S", 3, 7))
			return b
		}, holding(1, 2, 3, 4, 6, 7), []finding{{archive.Missing, b + name("S", 3, 7), "3, 6-7", ""}}, 3},
		{"dead letters that are not", func(t *testing.T) *builder {
			b := build(t, 0)
			b.cut(map[string][]uint64{"": {1, 2}})
			return b
		}, holding(1, 2), []finding{{
			archive.Differs, "_deadletter/S/2024/05/06/07/00/" + name("S", 1, 2), "1-2",
			"the row is not a dead letter",
		}}, 2},
		{"rolled back", func(t *testing.T) *builder {
			b := twoCuts(t)
			p := b.next(map[string][]uint64{"a": {5, 6}})
			p.From, p.Absent, p.Opens, p.Opened, p.Past = 4, 0, true, p.N, []time.Time{created}
			p.Incarnation = cutlog.IncarnationID("S", "S", created, p.N)
			block := b.block(p, "a", cutlog.NewSeqSet(5, 6))
			p.Blocks, p.To = []cutlog.Block{block}, 6
			b.plan(p)
			b.files()
			b.done(nil)
			return b
		}, func() *fakeStream {
			s := holding(1, 2, 3, 4, 5, 6)
			return s
		}(), nil, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bucket := tt.make(t).o.bucket(t)
			for _, chunk := range []int{1, 2, 100} {
				r := verify(t, bucket, archive.VerifyOptions{
					Against: func(context.Context, cutlog.Format) (archive.Stream, error) { return tt.stream, nil },
				}.WithSmallLimits(0, chunk))
				expect(t, r.problems, tt.problems...)
				if r.Compared != tt.compared {
					t.Errorf("chunks of %d: compared %d, want %d", chunk, r.Compared, tt.compared)
				}
			}
		})
	}
}

// TestRowsThatDiffer changes each part of a stored message.
func TestRowsThatDiffer(t *testing.T) {
	_, nc := ordersStream(t)
	publish(t, nc, 10)
	b := bucket.NewMem()
	capture(t, nc, captureOptions(b, "", record{"ndjson", "message"}))
	source := reader.NewSource(nc, "", "ORDERS")
	closed := 0
	info, err := source.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(m *archive.Message)
		want   string
	}{
		{"nothing", func(*archive.Message) {}, ""},
		{"payload", func(m *archive.Message) { m.Data = append([]byte{}, m.Data[1:]...) }, "the payload differs"},
		{"subject", func(m *archive.Message) { m.Subject += "x" }, "the sequence, time, subject or header differs"},
		{"time", func(m *archive.Message) { m.Time = m.Time.Add(1) }, "the sequence, time, subject or header differs"},
		{
			"header value", func(m *archive.Message) { m.Header["Trace-Id"] = []string{"x"} },
			"the sequence, time, subject or header differs",
		},
		{"header name", func(m *archive.Message) { m.Header["trace-id"] = nil }, ""}, // a name without a value is not stored
		{
			"header order", func(m *archive.Message) { m.Header["b"] = []string{"1", "2"} },
			"the sequence, time, subject or header differs",
		},
		{"header gone", func(m *archive.Message) { m.Header = nil }, "the sequence, time, subject or header differs"},
		{
			"all", func(m *archive.Message) { *m = archive.Message{Seq: m.Seq} },
			"the payload and the sequence, time, subject or header differs",
		},
	} {
		for _, seq := range []uint64{4, 10} { // 10 is a dead letter; both have headers
			s := &fakeStream{created: info.Created}
			for m, err := range (liveStream{source, &closed}).Messages(t.Context(), 0, 10) {
				if err != nil {
					t.Fatal(err)
				}
				if m.Seq == seq {
					tt.change(&m)
				}
				s.messages = append(s.messages, m)
			}
			open := func(context.Context, cutlog.Format) (archive.Stream, error) { return s, nil }
			r := verify(t, b, archive.VerifyOptions{Against: open})
			switch {
			case tt.want == "":
				r.clean(t)
			case len(r.problems) != 1 || archive.FormatSeqs(r.problems[0].Seqs, 0) != fmt.Sprint(seq) ||
				!strings.Contains(r.problems[0].Found, tt.want):
				t.Errorf("%s of message %d: got %v", tt.name, seq, r.problems)
			}
		}
	}
}
