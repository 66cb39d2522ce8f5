package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// eventWriter writes messages as events.
type eventWriter struct {
	jetcapture.NewLineDelimitedJSON[jetcapture.CloudEvent]
}

func (w *eventWriter) Write(m *jetcapture.NatsMessage) (int, error) {
	return w.NewLineDelimitedJSON.Write(jetcapture.CloudEvent{NatsMessage: m})
}

// wholeFormats are the forms of files that hold whole messages.
func wholeFormats() map[record]func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
	return map[record]func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage]{
		{"ndjson", "message"}: nil,
		{"ndjson", "event"}: func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
			return new(eventWriter)
		},
		{"raw", ""}: func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
			return new(jetcapture.RawWriter)
		},
	}
}

// Everything that the stream holds comes back from each format, to the nanosecond and the byte, dead letters among it.
func TestMessagesEqualTheStream(t *testing.T) {
	srv, nc := ordersStream(t)
	publish(t, nc, 100)
	publishOdd(t, srv, nc)
	live := liveStream{Source: reader.NewSource(nc, "", "ORDERS")}
	info, err := live.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[uint64]archive.Message{}
	for m, err := range live.Messages(t.Context(), 0, info.Last) {
		if err != nil {
			t.Fatal(err)
		}
		want[m.Seq] = m
	}
	for r, writer := range wholeFormats() {
		b := bucket.NewMem()
		o := captureOptions(b, "ORDERS", r)
		if writer != nil {
			o.WriterFactory = writer
		}
		capture(t, nc, o)
		compareWithStream(t, fmt.Sprint(r), b, info.Last, want)
	}
}

// compareWithStream compares what the capture ORDERS holds with the messages of the stream. Those whose subjects are
// not UTF-8 the stream cannot say.
func compareWithStream(t *testing.T, what string, b bucket.Bucket, last uint64, want map[uint64]archive.Message) {
	t.Helper()
	c, err := archive.Open(b).Capture("ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	at, dead := uint64(0), 0
	for i, err := range c.Messages(t.Context(), archive.ReadOptions{}) {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if i.Seq != at+1 {
			t.Fatalf("%s: %d comes after %d", what, i.Seq, at)
		}
		at = i.Last
		m, known := want[i.Seq]
		switch {
		case i.Fate == archive.FateSkipped || !known:
		case !i.IsMessage():
			t.Errorf("%s: sequence %d is %s", what, i.Seq, i.Fate)
		default:
			if problem := compareMessages(&i.Message, &m); problem != "" {
				t.Errorf("%s: sequence %d: %s", what, i.Seq, problem)
			}
		}
		if i.Fate == archive.FateDead {
			dead++
		}
		if (i.Fate == archive.FateDead) != (i.Error != "") {
			t.Errorf("%s: sequence %d is %s with the error %q", what, i.Seq, i.Fate, i.Error)
		}
	}
	if at != last || dead == 0 {
		t.Errorf("%s: read up to %d of %d, %d dead letters", what, at, last, dead)
	}
}

// compareMessages says what differs, with the payloads of events on one line.
func compareMessages(got, want *archive.Message) string {
	header := func(m *archive.Message) []byte {
		if m.HeaderRaw != nil {
			return m.HeaderRaw
		}
		return wire.HeaderBlock(m.Header)
	}
	switch one := compact(want.Data); {
	case !got.Time.Equal(want.Time):
		return fmt.Sprintf("stored at %s, not %s", want.Time, got.Time)
	case got.Subject != want.Subject:
		return fmt.Sprintf("subject %q, not %q", want.Subject, got.Subject)
	case !bytes.Equal(header(got), header(want)):
		return fmt.Sprintf("header %q, not %q", header(want), header(got))
	case !bytes.Equal(got.Data, want.Data) && !bytes.Equal(got.Data, one):
		return fmt.Sprintf("payload %q, not %q", want.Data, got.Data)
	}
	return ""
}

// compact puts JSON on one line.
func compact(data []byte) []byte {
	var one bytes.Buffer
	if err := json.Compact(&one, data); err != nil {
		return data
	}
	return one.Bytes()
}

// changed is a stream of which one message has another payload.
type changed struct {
	archive.Stream
	seq uint64
}

func (s changed) Messages(ctx context.Context, after, through uint64) iter.Seq2[archive.Message, error] {
	return func(yield func(archive.Message, error) bool) {
		for m, err := range s.Stream.Messages(ctx, after, through) {
			if m.Seq == s.seq {
				m.Data = []byte(`{"order":"another"}`)
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// A verification compares the content of all files of lines and records that hold whole messages.
func TestWholeFormatsAgainstStream(t *testing.T) {
	srv, nc := ordersStream(t)
	publish(t, nc, 100)
	publishOdd(t, srv, nc)
	for r, writer := range wholeFormats() {
		b := bucket.NewMem()
		o := captureOptions(b, "ORDERS", r)
		if writer != nil {
			o.WriterFactory = writer
		}
		capture(t, nc, o)
		open := against(t, nc)
		same := verify(t, b, archive.VerifyOptions{Against: open})
		same.clean(t)
		if same.Compared == 0 || same.Uncompared != 0 {
			t.Errorf("%v: %d messages compared, %d not", r, same.Compared, same.Uncompared)
		}
		other := func(ctx context.Context, f cutlog.Format) (archive.Stream, error) {
			s, err := open(ctx, f)
			return changed{s, 5}, err
		}
		got := verify(t, b, archive.VerifyOptions{Against: other})
		if len(got.problems) != 1 || got.problems[0].Kind != archive.Differs ||
			archive.FormatSeqs(got.problems[0].Seqs, 0) != "5" {
			t.Errorf("%v: %v", r, got.problems)
		}
	}
}
