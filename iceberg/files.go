package iceberg

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet/metadata"
	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/tablefiles"
)

// footersAtOnce is how many footers are read side by side.
const footersAtOnce = 16

// dataFile is a file of a batch with its footer.
type dataFile struct {
	tablefiles.File
	footer *metadata.FileMetaData
	shape  int // in the batch
}

// add adds the files of a cut to a batch.
func (p *Projector) add(ctx context.Context, b *batch, cut tablefiles.Cut) error {
	files := make([]dataFile, len(cut.Files))
	err := parallel.Each(ctx, footersAtOnce, len(files), func(ctx context.Context, i int) (err error) {
		files[i].File = cut.Files[i]
		files[i].footer, err = readFooter(ctx, p.Bucket, cut.Files[i])
		return err
	})
	if err != nil {
		return err
	}
	for i := range files {
		s, err := p.shapeOf(cut, files[i])
		if err != nil {
			return err
		}
		files[i].shape = b.shape(s)
	}
	b.files = append(b.files, files...)
	return nil
}

// shapeOf is what a file needs a table to be.
func (p *Projector) shapeOf(cut tablefiles.Cut, f dataFile) (s shape, err error) {
	if s.columns, err = fileColumns(f.footer.Schema); err != nil {
		return s, fmt.Errorf("%s: %w", f.Name, err)
	}
	if s.partitions, err = partitionsOf(cut.Plan.Settings, s.columns, p.Hours); err != nil {
		return s, err
	}
	for _, partition := range s.partitions {
		if _, has := named(s.columns, partition.source.Name); !has {
			s.columns = append(s.columns, partition.source)
		}
	}
	s.order, err = columnOf(cut.Plan.Settings, "seq")
	return s, err
}

// shape returns the place of a shape in the batch, which has each once.
func (b *batch) shape(s shape) int {
	for i := range b.shapes {
		if b.shapes[i].equals(s) {
			return i
		}
	}
	b.shapes = append(b.shapes, s)
	return len(b.shapes) - 1
}

func (s shape) equals(o shape) bool {
	if len(s.columns) != len(o.columns) || len(s.partitions) != len(o.partitions) || s.order != o.order {
		return false
	}
	for i, c := range s.columns {
		if !c.Equals(o.columns[i]) {
			return false
		}
	}
	for i, p := range s.partitions {
		if p.source.ID != o.partitions[i].source.ID || !p.transform.Equals(o.partitions[i].transform) {
			return false
		}
	}
	return true
}

// dataFiles are the files of a batch as a manifest has them.
func (p *Projector) dataFiles(t *table.Table, b batch) ([]ice.DataFile, error) {
	files := make([]ice.DataFile, len(b.files))
	meta := t.Metadata()
	for i, f := range b.files {
		partitions := b.shapes[f.shape].partitions
		spec := specOf(meta.PartitionSpecs(), partitions)
		if spec == nil {
			return nil, fmt.Errorf("table %s has lost the partition spec of %s", p.name(), f.Name)
		}
		values := map[int]any{}
		for at, field := range spec.Fields() {
			values[field.FieldID] = partitions[at].value(f.File)
		}
		df, err := table.DataFileFromMetadata(table.DataFileArgs{
			Schema: meta.CurrentSchema(), Spec: *spec, Format: ice.ParquetFile, Metadata: f.footer,
			FilePath: p.Place + "/" + f.Name, FileSize: f.Stored.Size, Content: ice.EntryContentData,
			PartitionValues: values, SortOrderID: meta.DefaultSortOrder(), Properties: t.Properties(),
			FormatVersion: meta.Version(),
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		files[i] = df
	}
	return files, nil
}
