package oracle

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// maxFaults is how many faults an error lists.
const maxFaults = 10

// faults collects everything that is wrong.
type faults struct {
	list []error
	more int
}

// add adds a fault. Beyond maxFaults it only counts them.
func (f *faults) add(format string, args ...any) {
	if len(f.list) == maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, fmt.Errorf(format, args...))
}

// err returns all faults as one error; nil if there are none.
func (f *faults) err() error {
	if f.more > 0 {
		f.list = append(f.list, fmt.Errorf("and %d more", f.more))
	}
	return errors.Join(f.list...)
}

// reading is one call of Read.
type reading struct {
	faults
	capture string
	objects map[string][]byte
	planned map[string]bool
	archive *Archive
}

// Read reads the log of a capture and all its files. The error has everything that is wrong with them; the archive is
// what could be read all the same. Only the last cut may have a plan without done, and then its files may be missing.
func Read(ctx context.Context, b bucket.Bucket, capture string) (*Archive, error) {
	r := &reading{
		capture: capture, objects: map[string][]byte{}, planned: map[string]bool{}, archive: &Archive{Capture: capture},
	}
	if err := r.load(ctx, b); err != nil {
		return r.archive, err
	}
	if _, ok := r.objects["_jetcapture/"+capture+"/format.json"]; !ok {
		r.add("capture %s has no format.json", capture)
	}
	prev := ""
	for n := uint64(1); ; n++ {
		plan, ok := r.objects[r.log(n, "plan.json.gz")]
		if !ok {
			break
		}
		prev = r.cut(n, plan, prev)
	}
	r.strange()
	return r.archive, r.err()
}

// load reads every object of the capture.
func (r *reading) load(ctx context.Context, b bucket.Bucket) error {
	for info, err := range b.List(ctx, "", "") {
		if err != nil {
			return err
		}
		if !r.ours(info.Name) {
			continue
		}
		in, err := b.Open(ctx, info.Name, 0, -1)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
		r.objects[info.Name] = data
	}
	return nil
}

// ours reports whether an object belongs to the capture, by its directory or by its file name.
func (r *reading) ours(name string) bool {
	if strings.HasPrefix(name, "_jetcapture/"+r.capture+"/") || strings.HasPrefix(name, "_deadletter/"+r.capture+"/") {
		return true
	}
	file, ok := strings.CutPrefix(name[strings.LastIndex(name, "/")+1:], r.capture+"-")
	return ok && len(file) > 9 && file[8] == '-' && !strings.HasPrefix(name, "_")
}

// log returns the name of a record.
func (r *reading) log(n uint64, kind string) string {
	return fmt.Sprintf("_jetcapture/%s/log/%020d.%s", r.capture, n, kind)
}

// cut reads cut n and returns the sum of its done record.
func (r *reading) cut(n uint64, plan []byte, prev string) (doneSum string) {
	var p planRecord
	plain, err := unzip(plan)
	if err == nil {
		err = decode(plain, &p)
	}
	if err != nil {
		r.add("plan %d: %w", n, err)
		return ""
	}
	c := Cut{
		N: p.N, Reason: p.Reason, Writer: p.Writer.Instance, Opens: p.Opens, Incarnation: p.Incarnation,
		Created: p.Stream.Created,
		From:    p.From, To: p.To, Absent: p.Absent, AbsentBy: p.AbsentBy, Skipped: p.Skipped,
		Notes: p.Notes, Settings: p.Settings,
	}
	for _, l := range p.Lost {
		c.Lost = append(c.Lost, Lost{l.Reason, l.Seqs})
	}
	for _, b := range p.Blocks {
		f := File{Name: b.Dir + "/" + b.Name, Dead: b.Kind == "dead", Window: b.Window, Seqs: b.Seqs, Rows: b.Rows}
		for _, k := range b.Key {
			f.Key = append(f.Key, string(k))
		}
		c.Files = append(c.Files, f)
	}
	r.chain(n, p, prev)
	r.account(c)
	doneSum = r.done(&c, sum(plan))
	r.files(&c)
	r.archive.Cuts = append(r.archive.Cuts, c)
	return doneSum
}

// chain checks that a plan follows the one before.
func (r *reading) chain(n uint64, p planRecord, prev string) {
	if p.Version != 1 || p.N != n {
		r.add("plan %d says version %d, number %d", n, p.Version, p.N)
	}
	if p.Prev != prev {
		r.add("plan %d follows %q, done %d is %q", n, p.Prev, n-1, prev)
	}
	if n == 1 {
		if !p.Opens {
			r.add("plan 1 opens no incarnation")
		}
		return
	}
	before := r.archive.Cuts[len(r.archive.Cuts)-1]
	if !before.Done {
		r.add("plan %d, but cut %d is not done", n, n-1)
	}
	if p.Opens {
		if slices.Contains(r.archive.Incarnations(), p.Incarnation) {
			r.add("plan %d opens incarnation %s again", n, p.Incarnation)
		}
		return
	}
	if p.From != before.To || p.Incarnation != before.Incarnation || !p.Stream.Created.Equal(before.Created) {
		r.add("plan %d begins after %d in %s, the one before ends at %d in %s", n, p.From, p.Incarnation, before.To,
			before.Incarnation)
	}
}

// account checks that the sets are disjoint and within the range, and that they and the absent sequences add up to it.
func (r *reading) account(c Cut) {
	in := map[uint64]string{}
	total := c.Absent
	add := func(what string, seqs []uint64) {
		total += uint64(len(seqs))
		for _, seq := range seqs {
			if seq <= c.From || seq > c.To {
				r.add("cut %d (%d, %d]: sequence %d of %s is outside", c.N, c.From, c.To, seq, what)
			}
			if other, twice := in[seq]; twice {
				r.add("cut %d: sequence %d is in %s and in %s", c.N, seq, other, what)
			}
			in[seq] = what
		}
	}
	add("skipped", c.Skipped)
	for _, l := range c.Lost {
		add("lost ("+l.Reason+")", l.Seqs)
	}
	for _, f := range c.Files {
		add(f.Name, f.Seqs)
	}
	if total != c.To-c.From {
		r.add("cut %d (%d, %d] accounts for %d sequences", c.N, c.From, c.To, total)
	}
	explained := uint64(0)
	for _, n := range c.AbsentBy {
		explained += n
	}
	if c.AbsentBy != nil && explained != c.Absent {
		r.add("cut %d: %d sequences are absent, the reasons %v are for %d", c.N, c.Absent, c.AbsentBy, explained)
	}
}

// done reads the done record of a cut, and its lost record.
func (r *reading) done(c *Cut, planSum string) string {
	data, ok := r.objects[r.log(c.N, "done.json")]
	if !ok {
		return ""
	}
	var d doneRecord
	if err := decode(data, &d); err != nil {
		r.add("done %d: %w", c.N, err)
		return ""
	}
	c.Done = true
	if d.N != c.N || d.Plan != planSum || len(d.Files) != len(c.Files) {
		r.add("done %d (number %d, %d files) is not that of its plan (%d files)", c.N, d.N, len(d.Files), len(c.Files))
		return sum(data)
	}
	if d.Lost != "" {
		r.lost(c, d.Lost, planSum)
	}
	for i, f := range d.Files {
		c.Files[i].Missing = f.Missing
		if f.Missing && len(c.Files[i].Gone) != len(c.Files[i].Seqs) {
			r.add("done %d: file %s is missing, but not all of it is lost", c.N, c.Files[i].Name)
		}
		stored, ok := r.objects[c.Files[i].Name]
		switch {
		case f.Missing: // a paused writer may have put it later
		case !ok:
			r.add("done %d: file %s is not there", c.N, c.Files[i].Name)
		case int64(len(stored)) != f.Size || sum(stored) != f.SHA256:
			r.add("done %d: file %s has %d bytes with sum %s, recorded are %d with %s", c.N, c.Files[i].Name, len(stored),
				sum(stored), f.Size, f.SHA256)
		}
	}
	return sum(data)
}

// lost reads the lost record that a done record names.
func (r *reading) lost(c *Cut, want, planSum string) {
	for name, data := range r.objects {
		if !strings.HasPrefix(name, r.log(c.N, "lost.")) || sum(data) != want {
			continue
		}
		var l lostRecord
		if err := decode(data, &l); err != nil || l.N != c.N || l.Plan != planSum {
			r.add("%s is not that of plan %d: %w", name, c.N, err)
			return
		}
		for _, b := range l.Blocks {
			c.Files[b.Block].Gone = b.Seqs
		}
		return
	}
	r.add("done %d names a lost record %s, which is not there", c.N, want)
}

// files decompresses the files of a cut.
func (r *reading) files(c *Cut) {
	for i := range c.Files {
		f := &c.Files[i]
		if r.planned[f.Name] {
			r.add("cut %d plans the file %s, as another cut did", c.N, f.Name)
		}
		r.planned[f.Name] = true
		stored, ok := r.objects[f.Name]
		if !ok {
			continue
		}
		f.Stored = stored
		compression := c.Settings["compression"]
		if f.Dead {
			compression = "gzip"
		}
		var err error
		if f.Plain, err = Decompress(compression, stored); err != nil {
			r.add("cut %d: file %s: %w", c.N, f.Name, err)
		}
	}
}

// strange finds files that are in no plan.
func (r *reading) strange() {
	for name := range r.objects {
		if !strings.HasPrefix(name, "_jetcapture/") && !r.planned[name] {
			r.add("file %s is in no plan", name)
		}
	}
}

// Decompress returns the content of a file by the name of its compression. It uses the common readers of each format.
func Decompress(compression string, stored []byte) ([]byte, error) {
	in := io.Reader(bytes.NewReader(stored))
	switch compression {
	case "", "none":
	case "gzip":
		zip, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		in = zip
	case "snappy":
		in = snappy.NewReader(in)
	case "zstd":
		dec, err := zstd.NewReader(in)
		if err != nil {
			return nil, err
		}
		defer dec.Close()
		in = dec
	default:
		return nil, fmt.Errorf("unknown compression %q", compression)
	}
	return io.ReadAll(in)
}
