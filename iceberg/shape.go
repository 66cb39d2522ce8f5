package iceberg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/catalog"
	"github.com/apache/iceberg-go/table"
)

// madeHere is the property of tables whose columns have the ids of parquetwriter.FieldID. Its value is the content.
const madeHere = "jetcapture.field-ids"

// content is what the rows of the table are.
func (p *Projector) content() string {
	if p.Losses {
		return "losses"
	}
	return "1" // messages
}

// properties are those of a new table. gc.enabled keeps engines from deleting files that no snapshot has any more: the
// files are the archive. Manifests are merged by tidy.
func properties() ice.Properties {
	return ice.Properties{
		"gc.enabled": "false",
		"write.metadata.delete-after-commit.enabled": "true",
		"write.metadata.previous-versions-max":       "20",
		"commit.manifest-merge.enabled":              "false",
	}
}

// shape is what the files of a cut need a table to be.
type shape struct {
	columns    []ice.NestedField // of the files, then of partitions that the files do not have
	partitions []partition
	order      string // the column by which rows ascend; empty: none
}

// create makes a table and its namespace unless they are there. Catalogs give the columns ids of their own, which
// reshape replaces.
func (p *Projector) create(ctx context.Context, s shape) (*table.Table, error) {
	if err := p.Catalog.CreateNamespace(ctx, catalog.NamespaceFromIdent(p.Table), nil); err != nil &&
		!errors.Is(err, catalog.ErrNamespaceAlreadyExists) {
		p.Logger.Info("the namespace cannot be made, perhaps it is there", "table", p.name(), "error", err)
	}
	fields := slices.Clone(s.columns)
	opts := []catalog.CreateTableOpt{catalog.WithProperties(properties())}
	if p.TableLocation != "" {
		opts = append(opts, catalog.WithLocation(p.TableLocation))
	}
	t, err := p.Catalog.CreateTable(ctx, p.Table, ice.NewSchema(0, fields...), opts...)
	if errors.Is(err, catalog.ErrTableAlreadyExists) {
		return p.Catalog.LoadTable(ctx, p.Table)
	}
	if err != nil {
		return nil, &commitError{fmt.Errorf("create table %s: %w", p.name(), err)}
	}
	p.Logger.Info("table made", "table", p.name(), "location", t.Location())
	return t, nil
}

// reshape changes a table so that it can have the files of all shapes, if it cannot have them yet. It reports whether
// it changed it: then the table must be loaded again.
func (p *Projector) reshape(ctx context.Context, t *table.Table, shapes []shape) (changed bool, err error) {
	meta := t.Metadata()
	columns, fresh, err := columnsOf(t)
	if err != nil {
		return false, err
	}
	wider := fresh
	for _, s := range shapes {
		more, changed, err := evolve(columns, s.columns)
		if err != nil {
			return false, fmt.Errorf("table %s: %w", p.name(), err)
		}
		columns, wider = more, wider || changed
	}
	var updates []table.Update
	if wider {
		sc := ice.NewSchema(nextSchemaID(meta), columns...)
		mapping, err := json.Marshal(sc.NameMapping())
		if err != nil {
			return false, fmt.Errorf("name mapping of table %s: %w", p.name(), err)
		}
		updates = append(updates, table.NewAddSchemaUpdate(sc), table.NewSetCurrentSchemaUpdate(-1),
			table.NewSetPropertiesUpdate(ice.Properties{table.DefaultNameMappingKey: string(mapping), madeHere: p.content()}))
	}
	updates = append(updates, addSpecs(meta, shapes)...)
	if order := shapes[0].order; fresh && order != "" {
		more, err := addOrder(columns, order)
		if err != nil {
			return false, err
		}
		updates = append(updates, more...)
	}
	if len(updates) == 0 {
		return false, nil
	}
	_, _, err = p.Catalog.CommitTable(ctx, p.Table, []table.Requirement{
		table.AssertTableUUID(meta.TableUUID()), table.AssertCurrentSchemaID(meta.CurrentSchema().ID),
		table.AssertLastAssignedFieldID(meta.LastColumnID()), table.AssertDefaultSpecID(meta.DefaultPartitionSpec()),
	}, updates)
	if err != nil {
		return false, &commitError{fmt.Errorf("change the columns or partitions of table %s: %w", p.name(), err)}
	}
	p.Logger.Info("columns and partitions set", "table", p.name(), "columns", len(columns))
	return true, nil
}

// columnsOf are the columns of a table. They are none, and the table is fresh, if the ids are still those of a catalog.
func columnsOf(t *table.Table) (columns []ice.NestedField, fresh bool, err error) {
	if t.Properties()[madeHere] != "" {
		return t.Schema().Fields(), false, nil
	}
	if t.CurrentSnapshot() != nil {
		return nil, false, fmt.Errorf("table %v has rows and was not made by this program: take another --table",
			t.Identifier())
	}
	return nil, true, nil
}

func nextSchemaID(meta table.Metadata) (id int) {
	for _, s := range meta.Schemas() {
		id = max(id, s.ID+1)
	}
	return id
}

// addSpecs adds the partition specs that a table lacks. The last one is the default.
func addSpecs(meta table.Metadata, shapes []shape) (updates []table.Update) {
	specs := slices.Clone(meta.PartitionSpecs())
	for _, s := range shapes {
		if specOf(specs, s.partitions) != nil {
			continue
		}
		spec := newSpec(specs, s.partitions)
		specs = append(specs, spec)
		updates = append(updates, table.NewAddPartitionSpecUpdate(&spec, false), table.NewSetDefaultSpecUpdate(-1))
	}
	return updates
}

// specOf is the spec with these partitions, nil if there is none.
func specOf(specs []ice.PartitionSpec, partitions []partition) *ice.PartitionSpec {
	for i := range specs {
		if specs[i].NumFields() != len(partitions) {
			continue
		}
		same := true
		for at, field := range specs[i].Fields() {
			want := partitions[at]
			same = same && field.SourceID() == want.source.ID && field.Transform.Equals(want.transform)
		}
		if same {
			return &specs[i]
		}
	}
	return nil
}

// newSpec is a spec with these partitions. A field that another spec has keeps its id.
func newSpec(specs []ice.PartitionSpec, partitions []partition) ice.PartitionSpec {
	id, last := 0, 999
	var known []ice.PartitionField
	for i := range specs {
		id = max(id, specs[i].ID()+1)
		for _, field := range specs[i].Fields() {
			known, last = append(known, field), max(last, field.FieldID)
		}
	}
	var fields []ice.PartitionField
	for _, p := range partitions {
		field := ice.PartitionField{SourceIDs: []int{p.source.ID}, Name: p.name, Transform: p.transform}
		i := slices.IndexFunc(known, func(k ice.PartitionField) bool {
			return k.SourceID() == p.source.ID && k.Transform.Equals(p.transform)
		})
		if i >= 0 {
			field.FieldID, field.Name = known[i].FieldID, known[i].Name
		} else {
			last++
			field.FieldID = last
		}
		fields = append(fields, field)
	}
	return ice.NewPartitionSpecID(id, fields...)
}

// addOrder says that rows ascend by a column.
func addOrder(columns []ice.NestedField, name string) ([]table.Update, error) {
	c, ok := named(columns, name)
	if !ok {
		return nil, nil
	}
	order, err := table.NewSortOrder(1, []table.SortField{{
		SourceIDs: []int{c.ID}, Transform: ice.IdentityTransform{}, Direction: table.SortASC, NullOrder: table.NullsFirst,
	}})
	if err != nil {
		return nil, fmt.Errorf("sort order by %s: %w", name, err)
	}
	return []table.Update{table.NewAddSortOrderUpdate(&order), table.NewSetDefaultSortOrderUpdate(-1)}, nil
}
