package iceberg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	ice "github.com/apache/iceberg-go"
	iceio "github.com/apache/iceberg-go/io"
	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/internal/parallel"
)

const (
	mergeEvery  = 64      // snapshots, also of other programs
	mergeCount  = 32      // so many manifests of a size class become one
	mergedBytes = 4 << 20 // a manifest with so many is merged no more
	removals    = 8       // side by side
)

// tidy keeps a commit as cheap in an old table as in a new one. It follows a commit, which made t. What fails is only
// logged: tables are whole without it. Later commits try to merge and to drop again. A file of metadata that could not
// be deleted stays for good.
func (p *Projector) tidy(ctx context.Context, t *table.Table) {
	if t.Metadata().LastSequenceNumber()%mergeEvery == 0 {
		merged, err := mergeManifests(ctx, t)
		if err != nil {
			p.Logger.Info("manifests are not merged for now", "table", p.name(), "error", err)
			return
		}
		t = merged
	}
	if err := p.expire(ctx, t); err != nil {
		p.Logger.Info("old snapshots or their metadata stay for now", "table", p.name(), "error", err)
	}
}

// mergeManifests merges the manifests of each size class that has many. The classes are 32 times apart, so an entry is
// written some four times in the life of a table. (A library that fills one manifest up writes all of it each time.)
func mergeManifests(ctx context.Context, t *table.Table) (*table.Table, error) {
	files, err := t.FS(ctx)
	if err != nil {
		return nil, err
	}
	manifests, err := t.CurrentSnapshot().Manifests(files)
	if err != nil {
		return nil, err
	}
	classes := map[int]int{}
	for _, m := range manifests {
		classes[classOf(m)]++
	}
	delete(classes, merged)
	maps.DeleteFunc(classes, func(_, n int) bool { return n < mergeCount })
	if len(classes) == 0 {
		return t, nil
	}
	txn := t.NewTransaction()
	if err := txn.AssertRefSnapshotID(""); err != nil {
		return nil, err
	}
	result, err := txn.RewriteManifests(ctx, table.WithRewriteManifestPredicate(func(m ice.ManifestFile) bool {
		return classes[classOf(m)] > 0
	}))
	if err != nil || result.IsNoOp() {
		return t, err
	}
	return txn.Commit(ctx)
}

// merged is the class of the manifests that stay as they are.
const merged = -1

// classOf is the size class of a manifest, by the number of its files.
func classOf(m ice.ManifestFile) (class int) {
	if m.Length() >= mergedBytes || m.ManifestContent() != ice.ManifestContentData {
		return merged
	}
	for n := m.AddedDataFiles() + m.ExistingDataFiles(); n >= mergeCount; n /= mergeCount {
		class++
	}
	return class
}

// expire drops the oldest snapshots when there are a tenth more than are kept, but none that has a name, and the
// metadata that only these had. It deletes no data file. A name that somebody gives such a snapshot during the commit
// is dropped with it, so the table is read just before.
func (p *Projector) expire(ctx context.Context, t *table.Table) error {
	if len(p.surplus(t)) == 0 {
		return nil
	}
	t, err := p.Catalog.LoadTable(ctx, p.Table)
	if err != nil {
		return err
	}
	ids := p.surplus(t)
	if len(ids) == 0 || t.CurrentSnapshot() == nil {
		return nil
	}
	after, _, err := p.Catalog.CommitTable(ctx, p.Table, []table.Requirement{
		table.AssertTableUUID(t.Metadata().TableUUID()),
		table.AssertRefSnapshotID(table.MainBranch, &t.CurrentSnapshot().SnapshotID),
	}, []table.Update{table.NewRemoveSnapshotsUpdate(ids, false)})
	if err != nil {
		return err
	}
	return sweep(ctx, t, after)
}

// surplus are the snapshots that are dropped, if it is time to.
func (p *Projector) surplus(t *table.Table) (ids []int64) {
	snapshots := t.Metadata().Snapshots()
	if p.Keep == 0 || len(snapshots) <= p.Keep+p.Keep/10 {
		return nil
	}
	named := map[int64]bool{}
	for _, ref := range t.Metadata().Refs() {
		named[ref.SnapshotID] = true
	}
	for _, s := range snapshots[:len(snapshots)-p.Keep] {
		if !named[s.SnapshotID] {
			ids = append(ids, s.SnapshotID)
		}
	}
	return ids
}

// sweep deletes the metadata files that a table had and has no more: previous versions of the metadata, the lists of
// dropped snapshots, and the manifests of these lists that no other list has. A snapshot that somebody adds later is
// made of one that is in after, so it cannot have them either. Files elsewhere than in the folder of the metadata stay.
// It goes on behind a file that fails.
func sweep(ctx context.Context, before *table.Table, after table.Metadata) error {
	files, err := before.FS(ctx)
	if err != nil {
		return err
	}
	places, err := before.LocationProvider()
	if err != nil {
		return err
	}
	dead, unread := deadFiles(files, before.Metadata(), after)
	if after.Properties().GetBool(table.MetadataDeleteAfterCommitEnabledKey, false) {
		for old := range before.Metadata().PreviousFiles() {
			dead[old.MetadataFile] = true
		}
	}
	for kept := range after.PreviousFiles() {
		delete(dead, kept.MetadataFile)
	}
	folder := strings.TrimSuffix(places.NewMetadataLocation("-"), "-")
	names := slices.DeleteFunc(slices.Collect(maps.Keys(dead)), func(name string) bool {
		rest, below := strings.CutPrefix(name, folder)
		return !below || strings.Contains(rest, "/")
	})
	failed := make([]error, len(names))
	err = parallel.Each(ctx, removals, len(names), func(_ context.Context, i int) error {
		if err := files.Remove(names[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed[i] = fmt.Errorf("remove %s: %w", names[i], err)
		}
		return nil
	})
	failed = slices.DeleteFunc(slices.Concat([]error{unread, err}, failed), func(err error) bool { return err == nil })
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("%d errors, the first: %w", len(failed), failed[0])
}

// deadFiles are the lists of the snapshots that are in before and not in after, and the manifests that only they have.
// The manifests of a list that cannot be read are not known. If it is one of after, no manifest is dead for certain.
// When another process has removed it, that is no error.
func deadFiles(files iceio.IO, before, after table.Metadata) (dead map[string]bool, unread error) {
	dead = map[string]bool{}
	manifests := func(s table.Snapshot) (list []ice.ManifestFile, ok bool) {
		list, err := s.Manifests(files)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && unread == nil {
			unread = err
		}
		return list, err == nil
	}
	var lists []string
	for _, s := range before.Snapshots() {
		if after.SnapshotByID(s.SnapshotID) != nil {
			continue
		}
		list, _ := manifests(s)
		for _, m := range list {
			dead[m.FilePath()] = true
		}
		lists = append(lists, s.ManifestList)
	}
	for _, s := range after.Snapshots() {
		if len(dead) == 0 {
			break
		}
		list, ok := manifests(s)
		if !ok {
			clear(dead)
		}
		for _, m := range list {
			delete(dead, m.FilePath())
		}
	}
	for _, list := range lists {
		dead[list] = true
	}
	return dead, unread
}
