package iceberg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"

	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/catalog"
	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/tablefiles"
)

// Converted is an archive that jetcapture convert makes of the capture of a Projector: the same messages in larger
// files.
type Converted struct {
	Bucket  bucket.Bucket
	Capture *archive.Capture // in Bucket
	Place   string           // as in Projector
}

// exchange is what one snapshot replaces. It goes from one common end to the next: a sequence at which a cut of the
// capture and a cut of the converted archive end. Up to a common end both have the same messages, so the table has the
// files of the converted archive up to one, and those of the capture behind it.
type exchange struct {
	cuts     []tablefiles.Cut  // of the converted archive
	old      []tablefiles.File // of the capture
	settings []cutlog.Settings // of the cuts of old, runs of equal ones once
}

// replace replaces files of the table by those of the converted archive, as one snapshot. more is false if there is no
// common end yet whose messages are all in the table.
func (p *Projector) replace(ctx context.Context) (more bool, err error) {
	t, err := p.Catalog.LoadTable(ctx, p.Table)
	if errors.Is(err, catalog.ErrNoSuchTable) || errors.Is(err, catalog.ErrNoSuchNamespace) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("load table %s: %w", p.name(), err)
	}
	e, err := p.nextExchange(ctx, t)
	if err != nil || len(e.cuts) == 0 {
		return false, err
	}
	if err := p.wantSources(e); err != nil {
		return false, err
	}
	of := *p
	of.Bucket, of.Capture, of.Place = p.Converted.Bucket, p.Converted.Capture, p.Converted.Place
	var b batch
	for _, cut := range e.cuts {
		if err := of.add(ctx, &b, cut); err != nil {
			return false, fmt.Errorf("cut %d of %s: %w", cut.N, of.Place, err)
		}
	}
	if err := p.wantColumns(t, b.shapes); err != nil {
		return false, err
	}
	if changed, err := p.reshape(ctx, t, b.shapes); err != nil || changed {
		return true, err
	}
	files, err := of.dataFiles(t, b)
	if err != nil {
		return false, err
	}
	old, err := p.inTable(ctx, t, e.old)
	if err != nil {
		return false, err
	}
	return true, p.swap(ctx, t, positionOf(e.cuts[len(e.cuts)-1]), old, files)
}

// swap commits an exchange.
func (p *Projector) swap(ctx context.Context, t *table.Table, pos position, old, files []ice.DataFile) error {
	properties := ice.Properties{p.property("converted"): pos.String()}
	t, err := p.commit(ctx, t, properties, func(txn *table.Transaction) error {
		rewrite := txn.NewRewrite(ice.Properties{
			"jetcapture.capture": p.Capture.Name(), "jetcapture.converted": pos.String(),
			"jetcapture.watermark": t.Properties()[p.property("watermark")],
		})
		for _, f := range old {
			rewrite.DeleteFile(f)
		}
		for _, f := range files {
			rewrite.AddDataFile(f)
		}
		return rewrite.Commit(ctx)
	})
	if err != nil {
		return err
	}
	p.Logger.Info("files replaced", "table", p.name(), "files", len(old), "by", len(files), "converted", pos.cut)
	p.tidy(ctx, t)
	return nil
}

// nextExchange reads the next exchange. It has no cuts if there is none yet.
func (p *Projector) nextExchange(ctx context.Context, t *table.Table) (e exchange, err error) {
	pos, err := p.position(ctx, t)
	if err != nil {
		return e, err
	}
	last, err := p.reached(ctx, t, "converted", p.Converted.Capture, "--replace-with "+p.Converted.Place)
	if err != nil {
		return e, err
	}
	var source uint64 // the newest cut of the capture whose files are replaced
	if last.Plan != nil && last.Plan.Source != nil {
		source = last.Plan.Source.LastCut
	}
	var held cutlog.SeqSet // by the files since the last common end
	for cut, err := range tablefiles.Cuts(ctx, p.Converted.Bucket, p.Converted.Capture, last.N) {
		if err != nil {
			return exchange{}, fmt.Errorf("%s: %w; jetcapture verify says all that is wrong", p.Converted.Place, err)
		}
		common, err := p.endsTogether(ctx, cut, pos.cut)
		if err != nil {
			return exchange{}, err
		}
		e.cuts = append(e.cuts, cut)
		held = held.Union(sequences(cut.Files))
		if !common {
			continue
		}
		if err := p.addOld(ctx, &e, source, cut.Plan.Source.LastCut, held); err != nil {
			return exchange{}, err
		}
		if len(e.old) > 0 {
			return e, nil
		}
		source, held = cut.Plan.Source.LastCut, cutlog.SeqSet{}
	}
	return exchange{}, nil
}

// endsTogether reports whether a cut of the converted archive ends where a cut of the capture ends that is in the
// table. It fails if the cut was not made of this capture.
func (p *Projector) endsTogether(ctx context.Context, cut tablefiles.Cut, through uint64) (bool, error) {
	o := cut.Plan.Source
	if o == nil || o.Capture != p.Capture.Name() {
		return false, fmt.Errorf("capture %s in %s was not made by jetcapture convert of capture %s: its files cannot take "+
			"the place of others", cut.Capture(), p.Converted.Place, p.Capture.Name())
	}
	if o.LastCut > through {
		return false, nil
	}
	end, err := p.Capture.Cut(ctx, o.LastCut)
	if errors.Is(err, fs.ErrNotExist) || err == nil && end.DoneSum != o.Sum {
		return false, fmt.Errorf("cut %d of capture %s in %s was made of another archive: its files cannot take the place "+
			"of others", cut.N, cut.Capture(), p.Converted.Place)
	}
	return err == nil && end.Plan.To == cut.Plan.To, err
}

// addOld adds the files of cuts of the capture to an exchange. It fails if they have a message that is not held by the
// files in their place.
func (p *Projector) addOld(ctx context.Context, e *exchange, after, through uint64, held cutlog.SeqSet) error {
	if after == through {
		return nil
	}
	for cut, err := range tablefiles.Cuts(ctx, p.Bucket, p.Capture, after) {
		if err != nil {
			return fmt.Errorf("%w; jetcapture verify says all that is wrong", err)
		}
		if gone := sequences(cut.Files).Minus(held); !gone.Empty() {
			return fmt.Errorf("%s lacks %d messages of cut %d of capture %s, such as %d: a conversion that leaves messages out "+
				"cannot take the place of their files", p.Converted.Place, gone.Count(), cut.N, p.Capture.Name(), gone.First())
		}
		e.old = append(e.old, cut.Files...)
		if n := len(e.settings); len(cut.Files) > 0 && (n == 0 || !maps.Equal(e.settings[n-1], cut.Plan.Settings)) {
			e.settings = append(e.settings, cut.Plan.Settings)
		}
		if cut.N >= through {
			return nil
		}
	}
	return fmt.Errorf("capture %s has no cut %d any more", p.Capture.Name(), through)
}

// sequences are those that the rows of files have. Halves keep it fast where many keys interleave.
func sequences(files []tablefiles.File) cutlog.SeqSet {
	switch half := len(files) / 2; len(files) {
	case 0:
		return cutlog.SeqSet{}
	case 1:
		return files[0].Seqs.Minus(files[0].Lost)
	default:
		return sequences(files[:half]).Union(sequences(files[half:]))
	}
}

// wantColumns fails if files lack a column of the table, which would be null where it had values.
func (p *Projector) wantColumns(t *table.Table, shapes []shape) error {
	columns, _, err := columnsOf(t)
	if err != nil {
		return err
	}
	for _, c := range columns {
		for _, s := range shapes {
			if has, ok := named(s.columns, c.Name); !ok || has.ID != c.ID {
				return fmt.Errorf("the files of %s have no column or key %s, which table %s has: convert with the same --column, "+
					"--key and --record", p.Converted.Place, c.Name, p.name())
			}
		}
	}
	return nil
}

// inTable returns files as the manifests of the table have them. It fails if there are not all of them, or if rows of
// the table are deleted by other files: the files in their place would bring the rows back.
func (p *Projector) inTable(ctx context.Context, t *table.Table, files []tablefiles.File) ([]ice.DataFile, error) {
	wanted := map[string]bool{}
	for _, f := range files { // one that was repaired later is in the table by its first name
		wanted[p.Place+"/"+f.Name], wanted[p.Place+"/"+f.Path()] = true, true
	}
	io, err := t.FS(ctx)
	if err != nil {
		return nil, err
	}
	manifests, err := t.CurrentSnapshot().Manifests(io)
	if err != nil {
		return nil, err
	}
	var found []ice.DataFile
	for _, m := range manifests {
		if m.ManifestContent() != ice.ManifestContentData {
			return nil, fmt.Errorf("table %s has deletes by another program, which files of %s would undo: rewrite its data "+
				"files first, or go on without --replace-with", p.name(), p.Converted.Place)
		}
		for entry, err := range m.Entries(io, true) {
			if err != nil {
				return nil, err
			}
			if wanted[entry.DataFile().FilePath()] {
				found = append(found, entry.DataFile())
			}
		}
	}
	if len(found) != len(files) {
		return nil, fmt.Errorf("table %s has %d of the %d files below %s that are to be replaced, such as %s: another "+
			"program has rewritten it, or --url was another; go on without --replace-with, or make the table again",
			p.name(), len(found), len(files), p.Place, files[0].Name)
	}
	return found, nil
}
