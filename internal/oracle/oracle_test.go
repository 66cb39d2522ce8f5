package oracle_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/oracle"
)

// sample is the archive of a stream with the messages 1 to 6, of which 2 was skipped, 3 is a dead letter and 5 was
// absent.
type sample struct {
	objects map[string][]byte
	data    string // name of the data file
}

var created = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func row(seq uint64) string {
	return fmt.Sprintf(`{"subject":"s","data":"eA==","metadata":{"Sequence":{"stream_seq":%d}}}`+"\n", seq)
}

func stream(seqs ...uint64) (all []oracle.Message) {
	for _, seq := range seqs {
		all = append(all, oracle.Message{Seq: seq, Subject: "s", Data: []byte("x")})
	}
	return all
}

// newSample makes the archive. The data file gets rows.
func newSample(t *testing.T, rows string) *sample {
	t.Helper()
	s := &sample{objects: map[string][]byte{}}
	put := func(rec cutlog.Record, err error) cutlog.Record {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		s.objects[rec.Name] = rec.Data
		return rec
	}
	id := cutlog.IncarnationID("C", "S", created, 1)
	format := cutlog.Format{Version: 1, Capture: "C", Stream: "S"}
	opening := put(cutlog.EncodePlan("C", &cutlog.Plan{
		N: 1, Reason: cutlog.ReasonOpen, Time: created, Stream: cutlog.Stream{Name: "S", Created: created}, Incarnation: id,
		Opens: true, Opened: 1, Format: &format,
	}))
	put(cutlog.EncodeFormat(format))
	opened := put(cutlog.EncodeDone("C", &cutlog.Done{N: 1, Plan: opening.Sum}))
	data := cutlog.NewSeqSet(1, 4, 6)
	dead := cutlog.NewSeqSet(3)
	plan := put(cutlog.EncodePlan("C", &cutlog.Plan{
		N: 2, Prev: opened.Sum, Reason: cutlog.ReasonOnce, Time: created, Stream: cutlog.Stream{Name: "S", Created: created},
		Incarnation: id, Opened: 1,
		To: 6, Skipped: cutlog.NewSeqSet(2), Absent: 1, AbsentBy: map[cutlog.AbsentReason]uint64{cutlog.AbsentNever: 1},
		Anchor: cutlog.Anchor{Seq: 6, Time: created, Subject: "s", Hash: cutlog.HashMessage("s", nil, nil)},
		Blocks: []cutlog.Block{
			{
				Kind: cutlog.KindData, Dir: "k", Name: cutlog.BlockName("C", id, 1, 6, "ndjson"), Window: created, Messages: 3,
				Rows: 3, Seqs: data,
			},
			{
				Kind: cutlog.KindDead, Dir: cutlog.DeadPrefix("C") + "/w", Name: cutlog.BlockName("C", id, 3, 3, "ndjson.gz"),
				Window:   created,
				Messages: 1, Rows: 1, Seqs: dead,
			},
		},
	}))
	letter := zip(t, `{"seq":3,"subject":"s","data":"eA==","error":"bad"}`+"\n")
	s.data = "k/" + cutlog.BlockName("C", id, 1, 6, "ndjson")
	s.objects[s.data] = []byte(rows)
	s.objects["_deadletter/C/w/"+cutlog.BlockName("C", id, 3, 3, "ndjson.gz")] = letter
	put(cutlog.EncodeDone("C", &cutlog.Done{N: 2, Plan: plan.Sum, Files: []cutlog.File{
		{Size: int64(len(rows)), SHA256: cutlog.Sum([]byte(rows))}, {Size: int64(len(letter)), SHA256: cutlog.Sum(letter)},
	}}))
	return s
}

func zip(t *testing.T, plain string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(plain)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (s *sample) read(t *testing.T) (*oracle.Archive, error) {
	t.Helper()
	b := bucket.NewMem()
	for name, data := range s.objects {
		if err := b.PutNew(t.Context(), name, bytes.NewReader(data), bucket.PutOptions{Size: -1}); err != nil {
			t.Fatal(err)
		}
	}
	return oracle.Read(context.Background(), b, "C")
}

func TestSoundArchive(t *testing.T) {
	a, err := newSample(t, row(1)+row(4)+row(6)).read(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.ExactlyOnce(stream(1, 2, 3, 4, 6), oracle.NatsMessage); err != nil {
		t.Error(err)
	}
	if a.To() != 6 || a.Absent() != 1 || fmt.Sprint(a.Skipped(), len(a.Files(true)), a.Reasons()) != "[2] 1 [open once]" {
		t.Errorf("to %d, absent %d, skipped %v, dead %v, reasons %v",
			a.To(), a.Absent(), a.Skipped(), a.Files(true), a.Reasons())
	}
}

func TestReadFindsDamage(t *testing.T) {
	rows := row(1) + row(4) + row(6)
	for name, c := range map[string]struct {
		damage func(s *sample)
		want   string
	}{
		"no file":     {func(s *sample) { delete(s.objects, s.data) }, "is not there"},
		"other bytes": {func(s *sample) { s.objects[s.data] = []byte(row(1)) }, "recorded are"},
		"stray file":  {func(s *sample) { s.objects["x/"+strings.TrimPrefix(s.data, "k/")] = nil }, "is in no plan"},
		"no format":   {func(s *sample) { delete(s.objects, "_jetcapture/C/format.json") }, "no format.json"},
		"done replaced": {
			func(s *sample) { s.objects[cutlog.DoneName("C", 2)] = s.objects[cutlog.DoneName("C", 1)] },
			"is not that of its plan",
		},
		"no done between": {func(s *sample) { delete(s.objects, cutlog.DoneName("C", 1)) }, "is not done"},
		"a bit of a done record": {func(s *sample) {
			d := bytes.Clone(s.objects[cutlog.DoneName("C", 1)])
			d[10] ^= 1
			s.objects[cutlog.DoneName("C", 1)] = d
		}, "ends with"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSample(t, rows)
			c.damage(s)
			if _, err := s.read(t); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestExactlyOnceFinds(t *testing.T) {
	for name, c := range map[string]struct {
		rows   string
		stream []oracle.Message
		want   string
	}{
		"a message that is nowhere": {row(1) + row(4) + row(6), stream(1, 2, 3, 4, 5, 6), "sequence 5"},
		"a row that is missing":     {row(1) + row(6), stream(1, 2, 3, 4, 6), "planned were"},
		"a row twice":               {row(1) + row(4) + row(4) + row(6), stream(1, 2, 3, 4, 6), "planned were"},
		"another order":             {row(4) + row(1) + row(6), stream(1, 2, 3, 4, 6), "planned were"},
		"a message never published": {row(1) + row(4) + row(6), stream(1, 2, 3, 4), "never held sequence 6"},
		"another content": {
			row(1) + row(4) + row(6), append(stream(1, 2, 3, 4), oracle.Message{Seq: 6, Subject: "s", Data: []byte("y")}),
			"the stream has",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := newSample(t, c.rows).read(t)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.ExactlyOnce(c.stream, oracle.NatsMessage); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
