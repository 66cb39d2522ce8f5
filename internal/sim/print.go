package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
)

// object is the name of an object, printed as scripts print it: "plan 2", "lost 2.1", "file k0 1-5".
type object string

func (o object) String() string {
	name := string(o)
	if n, kind, ok := cutlog.ParseLogName(name); ok {
		if kind != cutlog.RecordLost {
			return fmt.Sprintf("%s %d", kind, n)
		}
		_, k, _ := strings.Cut(strings.TrimSuffix(name, ".json"), ".lost.")
		return fmt.Sprintf("%s %d.%s", kind, n, cmp.Or(k, "1"))
	}
	dir, base, _ := strings.Cut(name, "/")
	parts := strings.Split(strings.TrimSuffix(base, ".rows"), "-")
	if len(parts) != 4 || parts[0] != capture {
		return strings.TrimPrefix(name, "_jetcapture/"+capture+"/")
	}
	return fmt.Sprintf("file %s %s-%s", dir, strings.TrimLeft(parts[2], "0"), strings.TrimLeft(parts[3], "0"))
}

// kind is the first word: plan, lost, done or file.
func (o object) kind() string {
	kind, _, _ := strings.Cut(o.String(), " ")
	return kind
}

// seqs prints a set of sequences: "1-3 5".
func seqs(s cutlog.SeqSet) string {
	var runs []string
	for first, last := range s.Runs() {
		if first == last {
			runs = append(runs, fmt.Sprint(first))
		} else {
			runs = append(runs, fmt.Sprintf("%d-%d", first, last))
		}
	}
	return strings.Join(runs, " ")
}

// printLog prints the records of the cut log.
func (s *script) printLog() {
	for n := uint64(1); ; n++ {
		data, ok := s.store.objects[cutlog.PlanName(capture, n)]
		if !ok {
			return
		}
		p, err := cutlog.DecodePlan(data)
		if err != nil {
			s.print("plan %d: %v", n, err)
			return
		}
		s.printPlan(p)
		s.printLost(p)
		s.printDone(p)
	}
}

func (s *script) printPlan(p *cutlog.Plan) {
	if p.Opens {
		s.print("plan %d by %s opens an incarnation after %d", p.N, p.Writer.Boot, p.From)
	} else {
		s.print("plan %d by %s (%d, %d]", p.N, p.Writer.Boot, p.From, p.To)
	}
	for _, b := range p.Blocks {
		s.print("  %s: %s", b.Dir, seqs(b.Seqs))
	}
	for _, l := range p.Lost {
		s.print("  lost (%s): %s", l.Reason, seqs(l.Seqs))
	}
	if p.Absent > 0 {
		s.print("  absent: %d", p.Absent)
	}
}

// lostRecords returns the names of the lost records of cut n in their order.
func (s *script) lostRecords(n uint64) (names []string) {
	for k := uint64(1); ; k++ {
		name := cutlog.LostName(capture, n, k)
		if _, ok := s.store.objects[name]; !ok {
			return names
		}
		names = append(names, name)
	}
}

func (s *script) printLost(p *cutlog.Plan) {
	for _, name := range s.lostRecords(p.N) {
		l, err := cutlog.DecodeLost(s.store.objects[name])
		if err != nil {
			s.print("%s: %v", object(name), err)
			continue
		}
		s.print("%s by %s", object(name), l.Writer.Boot)
		for _, b := range l.Blocks {
			s.print("  %s: %s", p.Blocks[b.Block].Dir, seqs(b.Seqs))
		}
	}
}

func (s *script) printDone(p *cutlog.Plan) {
	data, ok := s.store.objects[cutlog.DoneName(capture, p.N)]
	if !ok {
		s.print("no done %d", p.N)
		return
	}
	d, err := cutlog.DecodeDone(data)
	if err != nil {
		s.print("done %d: %v", p.N, err)
		return
	}
	lost := ""
	for _, name := range s.lostRecords(p.N) {
		if cutlog.Sum(s.store.objects[name]) == d.Lost {
			lost = ", names " + object(name).String()
		}
	}
	s.print("done %d%s", p.N, lost)
}

// printFiles prints the rows of each data file, as sequence=message, in the order of the plans.
func (s *script) printFiles() {
	for n := uint64(1); ; n++ {
		p := s.plan(n)
		if p == nil {
			return
		}
		for _, b := range p.Blocks {
			name := b.Dir + "/" + b.Name
			data, ok := s.store.objects[name]
			if !ok {
				s.print("cut %d, %s: missing", n, object(name))
				continue
			}
			held, _ := decodeRows(data) // verify judges what cannot be decoded
			s.print("cut %d, %s: %s", n, object(name), rows(held))
		}
	}
}

// printStream prints what the stream holds, and the state of its durable consumer.
func (s *script) printStream() {
	var held rows
	for _, seq := range slices.Sorted(maps.Keys(s.stream.cur.alive)) {
		held = append(held, row{seq, s.stream.cur.alive[seq].val})
	}
	s.print("stream: %s", cmp.Or(held.String(), "empty"))
	if s.cfg.Durable {
		c := &s.stream.consumer
		s.print("consumer: acknowledged up to %d, %d waiting for their acks", c.floor, len(c.pending))
	}
}

// verify has the oracle judge the archive.
func (s *script) verify() {
	wrong := append(s.broken, judge(s.World)...)
	for _, v := range wrong {
		s.print("WRONG: %s", v)
	}
	if len(wrong) == 0 {
		s.print("each message is in exactly one file, or recorded as lost or absent")
	}
}
