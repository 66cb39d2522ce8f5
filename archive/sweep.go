package archive

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

// files looks for files that no plan names. All plans were read once. If they name more files than the set of names
// holds, plans are read and files listed again for each further range of the set.
func (v *verifier) files(ctx context.Context) error {
	for first := true; ; first = false {
		s := &sweep{verifier: v, first: first, folded: map[string]bucket.Entry{}}
		if err := s.run(ctx); err != nil {
			return err
		}
		if !v.names.next() {
			break
		}
		for _, l := range v.logs {
			if err := l.nameAgain(ctx); err != nil {
				return err
			}
		}
	}
	for _, capture := range slices.Sorted(maps.Keys(v.logs)) {
		v.logs[capture].tellUnjudged()
		v.logs[capture].tellUnlisted(v.logs[capture].hidden, "files")
	}
	v.tellLinks()
	return nil
}

// sweep is one look at all that lies in the archive, for one range of the names. The goroutine of Verify owns it.
type sweep struct {
	*verifier
	first bool // files are counted
	// folded are files that no plan names, but in another case, by the name in lower case. A store that ignores case lists
	// a directory as it was first spelled.
	folded map[string]bucket.Entry
}

// run lists all files and looks up those in the range of the set.
func (s *sweep) run(ctx context.Context) error {
	s.count(func(_ *Report, p *Progress) { p.Capture, p.Cut, p.Last, p.Listed = "", 0, 0, 0 })
	for e, err := range s.archive.files(ctx) {
		if err != nil {
			return err
		}
		if !isFile(e.Name) {
			if s.first {
				s.report.Foreign++
			}
			continue
		}
		s.count(func(r *Report, p *Progress) {
			p.Listed++
			if s.first {
				r.Listed++
			}
		})
		if err := s.take(ctx, e); err != nil {
			return err
		}
	}
	if err := s.resolve(ctx); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.folded)) {
		s.unplanned(s.folded[name])
	}
	return nil
}

// take looks up what was listed.
func (s *sweep) take(ctx context.Context, e bucket.Entry) error {
	switch {
	case !s.names.covers(e.Name), s.names.meet(e.Name):
		return nil
	case e.Link && s.opts.Capture == "" && len(s.links) < s.opts.maxNames:
		if _, known := s.links[e.Name]; !known {
			s.links[e.Name] = false
		}
		return nil
	case s.fold(e):
		return nil
	}
	return s.notPlanned(ctx, e)
}

// fold puts a file aside whose name is planned but for its case.
func (s *sweep) fold(e bucket.Entry) bool {
	lower := strings.ToLower(e.Name)
	if _, taken := s.folded[lower]; taken || e.Odd != "" || !s.names.folds(e.Name) {
		return false
	}
	s.folded[lower] = e
	for len(s.folded) > s.opts.maxNames/16 && s.names.high > s.names.low { // a later sweep comes back to the rest
		s.names.narrow()
		maps.DeleteFunc(s.folded, func(_ string, e bucket.Entry) bool { return !s.names.covers(e.Name) })
	}
	return true
}

// resolve asks by name for the planned files that were not listed. One that is there may be one that was put aside, may
// lie behind a link, or the list is not to be trusted.
func (s *sweep) resolve(ctx context.Context) error {
	if s.names.allMet() {
		return nil
	}
	for _, capture := range slices.Sorted(maps.Keys(s.logs)) {
		l := s.logs[capture]
		err := l.eachPlan(ctx, func(p *cutlog.Plan) error {
			for i := range p.Blocks {
				if err := s.find(ctx, l, p, p.Blocks[i].Path()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// find asks for a planned file, unless it was listed.
func (s *sweep) find(ctx context.Context, l *logCheck, p *cutlog.Plan, name string) error {
	if !s.names.covers(name) || !s.names.unmet(name) {
		return nil
	}
	_, err := s.archive.bucket.Stat(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist), bucket.IsPermanent(err): // which was reported
		return nil
	case err != nil:
		return l.reading(unreadable(name, err))
	}
	lower := strings.ToLower(name)
	if _, folded := s.folded[lower]; folded {
		delete(s.folded, lower)
		return nil
	}
	link, err := s.archive.linkAbove(ctx, name)
	switch {
	case err != nil:
		return err
	case link != "":
		s.links[link] = true
	case p.N <= l.settled: // the files of a later cut may have been put since they were listed
		l.hidden.add(name, p.N)
	}
	return nil
}

// notPlanned judges a file that is in none of the plans read so far. It may belong to a newer cut, to a log that no
// list shows, or to a cut whose plan is damaged.
func (s *sweep) notPlanned(ctx context.Context, e bucket.Entry) error {
	id, isBlock := cutlog.ParseBlockName(path.Base(e.Name))
	if s.opts.Capture != "" && (!isBlock || id.Capture != s.opts.Capture) {
		return nil
	}
	if isBlock && cutlog.CheckCapture(id.Capture) == nil {
		l, err := s.log(ctx, id.Capture)
		if err != nil {
			return err
		}
		if s.names.meet(e.Name) { // of a log that was opened just now
			return nil
		}
		if err := l.catchUp(ctx, id); err != nil {
			return err
		}
		switch {
		case !s.names.covers(e.Name): // the new names have narrowed the range: a later sweep comes back
			return nil
		case s.names.meet(e.Name):
			s.report.Later++
			return nil
		case s.fold(e), l.unjudged(id):
			return nil
		}
	}
	s.unplanned(e)
	return nil
}

// unplanned reports something that is in no plan.
func (s *sweep) unplanned(e bucket.Entry) {
	f := Finding{
		Severity: Problem, Kind: Unplanned, Object: e.Name, Expected: "a plan that names it", Found: "none",
		Advice: adviceUnplanned,
	}
	if e.Odd != "" {
		f.Found += "; " + e.Odd
	}
	if id, isBlock := cutlog.ParseBlockName(path.Base(e.Name)); isBlock {
		f.Capture = id.Capture
		f.Seqs.AddRange(id.First, id.Last)
		f.Found += "; the stream sequences are those of its name"
	}
	s.found(f)
}

// tellLinks reports the symbolic links, behind which a reader may find messages a second time.
func (v *verifier) tellLinks() {
	for _, name := range slices.Sorted(maps.Keys(v.links)) {
		f := Finding{
			Severity: Problem, Kind: Unplanned, Object: name, Expected: "a plan that names it",
			Found: "a symbolic link: readers that follow it find what lies behind it", Advice: adviceUnplanned,
		}
		if v.links[name] {
			f.Severity, f.Kind, f.Expected = Note, Linked, "planned files in their place"
			f.Found = "a symbolic link with such files behind it, which readers that do not follow links miss"
			f.Advice = "move what is behind it to its place"
		}
		v.found(f)
	}
}

// log returns the log of a capture. One that no list has shown, because it began since or lies behind a link, is
// verified now.
func (v *verifier) log(ctx context.Context, capture string) (*logCheck, error) {
	if l := v.logs[capture]; l != nil {
		return l, nil
	}
	c := v.archive.capture(capture)
	is, err := v.archive.isCapture(ctx, capture, false, true)
	if err != nil {
		return nil, err
	}
	if !is {
		v.logs[capture] = &logCheck{verifier: v, capture: c}
		return v.logs[capture], nil
	}
	err = v.capture(ctx, c)
	return v.logs[capture], err
}
