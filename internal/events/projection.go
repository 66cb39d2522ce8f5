package events

import (
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Projection makes the events of a capture, cut by cut. It belongs to one goroutine.
type Projection struct {
	Capture string
	Archive string // the place, in front of the names of files; without secrets

	through time.Time // every window that ends by then is complete, as the cuts so far say
}

// Cut returns the events of a finished cut, in their order. before is the cut in front of it, zero for the first one.
// The cuts must come one after the other.
func (p *Projection) Cut(before, cut cutlog.Head) []Event {
	m := &maker{p: p, cut: cut, through: p.through}
	plan := cut.Plan
	if before.Plan == nil || before.Plan.Writer != plan.Writer {
		m.add(Started, plan.Writer.Instance, Process{p.Capture, cut.N, plan.Writer})
	}
	if plan.Opens && cut.N > 1 {
		m.add(StreamChanged, plan.Stream.Name, Life{
			p.Capture, plan.Incarnation, cut.N, plan.Stream.Name, plan.Stream.Created, plan.Cause,
		})
	}
	m.reopened()
	m.blocks()
	m.lost()
	m.done()
	p.through = m.complete(p.through)
	if plan.Reason == cutlog.ReasonShutdown || plan.Reason == cutlog.ReasonOnce {
		m.add(Stopped, plan.Writer.Instance, Process{p.Capture, cut.N, plan.Writer})
	}
	// New types come last, so that the ids of the others stay as a process of an earlier version makes them.
	if plan.Reason == cutlog.ReasonRetention {
		m.add(RetentionRace, fmt.Sprint(cut.N), Race{p.Capture, plan.Incarnation, cut.N, plan.From, plan.To})
	}
	return m.events
}

// maker collects the events of one cut.
type maker struct {
	p       *Projection
	cut     cutlog.Head
	through time.Time // before the cut
	events  []Event
}

func (m *maker) add(t Type, subject string, data any) {
	plan := m.cut.Plan
	m.events = append(m.events, Event{
		Position: Position{N: m.cut.N, K: len(m.events), Through: m.through},
		ID:       fmt.Sprintf("%s/%s/%d/%d", m.p.Capture, plan.Incarnation, m.cut.N, len(m.events)),
		Type:     t, Source: sourceOf(m.p.Capture), Subject: subject, Time: plan.Time.UTC(), Data: data,
	})
}

// lostOf is how many messages of a block a redo could not read any more.
func (m *maker) lostOf(block int) uint64 {
	if m.cut.Lost != nil {
		for _, l := range m.cut.Lost.Blocks {
			if l.Block == block {
				return l.Seqs.Count()
			}
		}
	}
	return 0
}

// window is that of a block.
func (m *maker) window(b *cutlog.Block) Span {
	return Span{b.Window.UTC(), b.Window.Add(m.cut.Plan.Settings.MaxAge()).UTC()}
}

// stored calls f for each block that has a file.
func (m *maker) stored(f func(i int, b *cutlog.Block)) {
	for i := range m.cut.Plan.Blocks {
		if !m.cut.Done.Files[i].Missing {
			f(i, &m.cut.Plan.Blocks[i])
		}
	}
}

func (m *maker) blocks() {
	m.stored(func(i int, b *cutlog.Block) {
		file := m.cut.Done.Files[i]
		m.add(BlockStored, b.Path(), Block{
			Capture: m.p.Capture, Incarnation: m.cut.Plan.Incarnation, Cut: m.cut.N, Name: b.Path(),
			URL: m.p.Archive + "/" + b.Path(), Kind: b.Kind, Key: b.Key, Window: m.window(b),
			Size: file.Size, SHA256: file.SHA256, Messages: b.Messages - int64(m.lostOf(i)), Rows: b.Rows,
			FirstSeq: b.Seqs.First(), LastSeq: b.Seqs.Last(),
		})
	})
}

func (m *maker) done() {
	plan := m.cut.Plan
	c := Cut{
		Capture: m.p.Capture, Incarnation: plan.Incarnation, Cut: m.cut.N, Reason: plan.Reason,
		From: plan.From, To: plan.To, Absent: plan.Absent, Writer: plan.Writer,
	}
	m.stored(func(i int, b *cutlog.Block) {
		c.Files++
		c.Messages += b.Messages - int64(m.lostOf(i))
		c.Bytes += m.cut.Done.Files[i].Size
	})
	m.add(CutDone, fmt.Sprint(m.cut.N), c)
}

// lost tells what the stream had dropped before it was stored.
func (m *maker) lost() {
	add := func(reason cutlog.LostReason, seqs cutlog.SeqSet) {
		if !seqs.Empty() {
			m.add(SequencesLost, string(reason), Lost{
				m.p.Capture, m.cut.Plan.Incarnation, m.cut.N, reason, seqs.Count(), seqs.First(), seqs.Last(),
			})
		}
	}
	for _, l := range m.cut.Plan.Lost {
		add(l.Reason, l.Seqs)
	}
	if m.cut.Lost != nil {
		for _, l := range m.cut.Lost.Blocks {
			add(cutlog.LostGone, l.Seqs)
		}
	}
}

// reopened tells that a window gets a file although it was complete.
func (m *maker) reopened() {
	late := map[time.Time]*Windows{}
	var order []time.Time
	m.stored(func(i int, b *cutlog.Block) {
		w := m.window(b)
		if w.End.After(m.through) || m.through.IsZero() {
			return
		}
		if late[w.Start] == nil {
			late[w.Start] = &Windows{
				Capture: m.p.Capture, Incarnation: m.cut.Plan.Incarnation, Cut: m.cut.N, Window: w, Watermark: m.through,
			}
			order = append(order, w.Start)
		}
		late[w.Start].Files++
		late[w.Start].Messages += b.Messages - int64(m.lostOf(i))
	})
	for _, start := range order {
		m.add(WindowReopened, start.Format(time.RFC3339), *late[start])
	}
}

// complete tells that windows are complete, and returns up to where.
//
// A stream takes messages in the order of its sequences and of its clock. So when a message of a later window is
// stored, or was read when the cut of a window was made, those before are whole. Only a clock of the stream that was
// set back, at a change of leader, brings more: then the window is reopened.
func (m *maker) complete(through time.Time) time.Time {
	plan := m.cut.Plan
	age := plan.Settings.MaxAge()
	if age <= 0 || plan.Anchor.Seq == 0 {
		return through
	}
	mark := plan.Anchor.Time.UTC()
	if plan.Reason == cutlog.ReasonWindow {
		for i := range plan.Blocks {
			// A window that has not ended by the writer's clock is not the one that the cut was made for.
			if end := m.window(&plan.Blocks[i]).End; !end.After(plan.Time) && end.After(mark) {
				mark = end
			}
		}
	}
	mark = windowStart(mark, age)
	if !mark.After(through) {
		return through
	}
	start := through
	if start.IsZero() { // the first one: from the first window that has a file
		start = mark
		for i := range plan.Blocks {
			if w := plan.Blocks[i].Window.UTC(); w.Before(start) {
				start = w
			}
		}
	}
	w := Windows{
		Capture: m.p.Capture, Incarnation: plan.Incarnation, Cut: m.cut.N, Window: Span{start, mark}, Watermark: mark,
	}
	if start.Before(mark) {
		m.add(WindowComplete, mark.Format(time.RFC3339), w)
	}
	return mark
}

// windowStart is the start of the window that a time is in. Windows are aligned to the epoch.
func windowStart(t time.Time, age time.Duration) time.Time {
	n := t.UnixNano()
	rest := n % int64(age)
	if rest < 0 {
		rest += int64(age)
	}
	return time.Unix(0, n-rest).UTC()
}
