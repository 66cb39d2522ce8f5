// Package tabletest makes archives of Parquet files record by record, for tests of what is projected from them: any
// number of cuts in little time, and whatever is hard to make happen with a server.
package tabletest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/parquetwriter"
)

// Created is when the stream of the archives was made, and the time of their first cut.
var Created = time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)

// Archive is an archive that is being made. Its capture and its stream have one name.
type Archive struct {
	T        testing.TB
	Bucket   bucket.Bucket
	Settings map[string]string // of the next cut
	Writer   parquetwriter.Options
	Source   *cutlog.Origin // of the next cut, in an archive that seems to be converted

	name string
	head cutlog.Head
}

// New begins an archive, with plan 1.
func New(t testing.TB, b bucket.Bucket, capture string) *Archive {
	t.Helper()
	return Convert(t, b, capture, nil)
}

// Convert begins an archive that seems to be converted from another one, unless from is nil.
func Convert(t testing.TB, b bucket.Bucket, capture string, from *Archive) *Archive {
	t.Helper()
	a := &Archive{T: t, Bucket: b, name: capture, Settings: map[string]string{
		cutlog.SettingMaxAge: "1h0m0s", cutlog.SettingSuffix: "parquet",
		cutlog.SettingDecoderVersion: cutlog.CommandVersion,
		"x_format":                   cutlog.FormatParquet, "x_record": cutlog.RecordMessage,
	}}
	if from != nil {
		a.From(from, 1, from.head)
	}
	format := cutlog.Format{Version: cutlog.Version, Capture: capture, Stream: capture}
	a.plan(&cutlog.Plan{
		N: 1, Reason: cutlog.ReasonOpen, Time: Created, Stream: cutlog.Stream{Name: capture, Created: Created}, Opens: true,
		Opened: 1, Incarnation: cutlog.IncarnationID(capture, capture, Created, 1), Format: &format, Source: a.Source,
	})
	a.done(nil)
	a.record(cutlog.EncodeFormat(format))
	return a
}

// Head is the newest cut.
func (a *Archive) Head() cutlog.Head { return a.head }

// From says that the next cut was made of those of another archive from first to last.
func (a *Archive) From(other *Archive, first uint64, last cutlog.Head) {
	a.Source = &cutlog.Origin{
		Capture: other.name, Incarnation: last.Plan.Incarnation, FirstCut: first, LastCut: last.N, Sum: last.DoneSum,
	}
}

// Block is a file of a cut.
type Block struct {
	Key  []string // its segments
	Dir  string   // below the root; empty: the key and the window, as the default layout has them
	Time time.Time
	Seqs []uint64
	Data []byte // of the file; nil: messages, whose payloads are their sequences and whose times are Time
	Dead bool
	Lost bool // all its messages: there is no file
}

// Cut adds a complete cut.
func (a *Archive) Cut(at time.Time, blocks ...Block) {
	a.T.Helper()
	a.Plan(at, blocks...)
	a.Finish(blocks...)
}

// Plan adds a cut that is not finished yet.
func (a *Archive) Plan(at time.Time, blocks ...Block) {
	a.T.Helper()
	before := a.head
	p := &cutlog.Plan{
		N: before.N + 1, Prev: before.DoneSum, Reason: cutlog.ReasonWindow, Time: at, Stream: before.Plan.Stream,
		Incarnation: before.Plan.Incarnation, Opened: before.Plan.Opened, From: before.Plan.To, To: before.Plan.To,
		Anchor: before.Plan.Anchor, Settings: a.Settings, Source: a.Source,
	}
	held := uint64(0)
	for _, b := range blocks {
		block := a.block(p, b)
		p.Blocks = append(p.Blocks, block)
		if block.Seqs.Last() > p.To {
			p.Anchor = cutlog.Anchor{
				Seq: block.Seqs.Last(), Time: b.Time, Subject: "x", Hash: cutlog.HashMessage("x", nil, nil),
			}
		}
		p.To = max(p.To, block.Seqs.Last())
		held += block.Seqs.Count()
	}
	slices.SortFunc(p.Blocks, cutlog.CompareBlocks)
	p.Absent = p.To - p.From - held
	a.plan(p)
}

// Finish stores the files of the newest plan, and its done record. It takes what Plan took.
func (a *Archive) Finish(blocks ...Block) {
	a.T.Helper()
	files := map[string][]byte{}
	for _, b := range blocks {
		if block := a.block(a.head.Plan, b); !b.Lost {
			files[block.Path()] = a.file(b)
		}
	}
	a.lose(files)
	a.done(files)
}

// lose records the messages of the blocks that have no file.
func (a *Archive) lose(files map[string][]byte) {
	a.T.Helper()
	l := &cutlog.Lost{N: a.head.N, K: 1, Plan: a.head.PlanSum}
	for i, block := range a.head.Plan.Blocks {
		if _, there := files[block.Path()]; !there {
			l.Blocks = append(l.Blocks, cutlog.LostBlock{Block: i, Seqs: block.Seqs})
		}
	}
	if len(l.Blocks) > 0 {
		a.head.LostSum = a.record(cutlog.EncodeLost(a.name, l))
	}
}

func (a *Archive) block(p *cutlog.Plan, b Block) cutlog.Block {
	seqs := cutlog.NewSeqSet(b.Seqs...)
	window := b.Time.UTC().Truncate(p.Settings.MaxAge())
	block := cutlog.Block{
		Kind: cutlog.KindData, Dir: b.Dir, Window: window, Messages: int64(len(b.Seqs)), Rows: int64(len(b.Seqs)), Seqs: seqs,
		Name: cutlog.BlockName(a.name, p.Incarnation, seqs.First(), seqs.Last(), "parquet"),
	}
	for _, segment := range b.Key {
		block.Key = append(block.Key, cutlog.Text(segment))
		if b.Dir == "" {
			block.Dir += cutlog.EscapeDir(segment) + "/"
		}
	}
	if b.Dir == "" {
		block.Dir += window.Format("2006/01/02/15/04")
	}
	if b.Dead {
		block.Kind, block.Key, block.Dir = cutlog.KindDead, nil, cutlog.DeadPrefix(a.name)+window.Format("/2006/01/02/15/04")
	}
	return block
}

// file is the content of a block.
func (a *Archive) file(b Block) []byte {
	if b.Data != nil {
		return b.Data
	}
	a.T.Helper()
	w, err := parquetwriter.NewMessageWriter(a.Writer, false)
	if err != nil {
		a.T.Fatal(err)
	}
	var out bytes.Buffer
	if err := w.InitNew(&out); err != nil {
		a.T.Fatal(err)
	}
	for _, seq := range b.Seqs {
		m := &parquetwriter.Message{
			Stream: a.name, Seq: seq, Time: b.Time, Subject: a.name + ".x", Payload: fmt.Append(nil, seq),
			Header: map[string][]string{"Row": {fmt.Sprint(seq)}},
		}
		if _, err := w.Write(m); err != nil {
			a.T.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		a.T.Fatal(err)
	}
	return out.Bytes()
}

func (a *Archive) plan(p *cutlog.Plan) {
	a.T.Helper()
	sum := a.record(cutlog.EncodePlan(a.name, p))
	a.head = cutlog.Head{N: p.N, Plan: p, PlanSum: sum}
}

func (a *Archive) done(files map[string][]byte) {
	a.T.Helper()
	d := &cutlog.Done{N: a.head.N, Plan: a.head.PlanSum, Lost: a.head.LostSum}
	for _, block := range a.head.Plan.Blocks {
		data, ok := files[block.Path()]
		if !ok {
			d.Files = append(d.Files, cutlog.File{Missing: true})
			continue
		}
		a.put(block.Path(), data)
		d.Files = append(d.Files, cutlog.File{Size: int64(len(data)), SHA256: cutlog.Sum(data)})
	}
	a.head.DoneSum = a.record(cutlog.EncodeDone(a.name, d))
	a.head.Done = d
}

func (a *Archive) record(r cutlog.Record, err error) (sum string) {
	a.T.Helper()
	if err != nil {
		a.T.Fatal(err)
	}
	a.put(r.Name, r.Data)
	return r.Sum
}

func (a *Archive) put(name string, data []byte) {
	a.T.Helper()
	err := a.Bucket.PutNew(a.T.Context(), name, bytes.NewReader(data), bucket.PutOptions{Size: int64(len(data))})
	if err != nil {
		a.T.Fatal(err)
	}
}
