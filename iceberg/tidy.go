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
	mergeEvery  = 64      // snapshots, whoever made them
	mergeCount  = 32      // so many manifests of a size class become one
	mergedBytes = 4 << 20 // a manifest with so many is merged no more
	removals    = 8       // side by side
)

// tidy keeps a commit as cheap in an old table as in a new one. It follows a commit, which made t. What fails is left
// to the next one: tables are whole without it.
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
// metadata that only these had. It deletes no data file.
func (p *Projector) expire(ctx context.Context, t *table.Table) error {
	snapshots := t.Metadata().Snapshots()
	if p.Keep == 0 || len(snapshots) <= p.Keep+p.Keep/10 {
		return nil
	}
	named := map[int64]bool{}
	for _, ref := range t.Metadata().Refs() {
		named[ref.SnapshotID] = true
	}
	var ids []int64
	for _, s := range snapshots[:len(snapshots)-p.Keep] {
		if !named[s.SnapshotID] {
			ids = append(ids, s.SnapshotID)
		}
	}
	if len(ids) == 0 {
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

// sweep deletes the metadata files that a table had and has no more: previous versions of the metadata, the lists of
// dropped snapshots, and the manifests of these lists that no other list has. A snapshot that somebody adds later is
// made of one that is in after, so it cannot have them either. Files elsewhere than in the folder of the metadata stay.
func sweep(ctx context.Context, before *table.Table, after table.Metadata) error {
	files, err := before.FS(ctx)
	if err != nil {
		return err
	}
	places, err := before.LocationProvider()
	if err != nil {
		return err
	}
	dead, err := deadManifests(files, before.Metadata(), after)
	if err != nil {
		return err
	}
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
	return parallel.Each(ctx, removals, len(names), func(_ context.Context, i int) error {
		if err := files.Remove(names[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", names[i], err)
		}
		return nil
	})
}

// deadManifests are the lists of the snapshots that are in before and not in after, and the manifests that only they
// have. A list that cannot be read any more, since another process has removed it, tells of no manifest.
func deadManifests(files iceio.IO, before, after table.Metadata) (dead map[string]bool, err error) {
	dead = map[string]bool{}
	var lists []string
	for _, s := range before.Snapshots() {
		if after.SnapshotByID(s.SnapshotID) != nil {
			continue
		}
		manifests, err := s.Manifests(files)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, m := range manifests {
			dead[m.FilePath()] = true
		}
		lists = append(lists, s.ManifestList)
	}
	for _, s := range after.Snapshots() {
		if len(dead) == 0 {
			break
		}
		manifests, err := s.Manifests(files)
		if err != nil {
			return nil, err
		}
		for _, m := range manifests {
			delete(dead, m.FilePath())
		}
	}
	for _, list := range lists {
		dead[list] = true
	}
	return dead, nil
}
