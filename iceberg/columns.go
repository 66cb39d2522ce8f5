package iceberg

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"
	ice "github.com/apache/iceberg-go"
	"github.com/jetcapture/jetcapture/parquetwriter"
)

// fileColumns are the columns of a Parquet file as fields of a table, in their order. None is required, since a file of
// another time may lack it. Files of before the field ids get those that they would have now: both are functions of the
// name.
func fileColumns(s *schema.Schema) ([]ice.NestedField, error) {
	root := s.Root()
	fields := make([]ice.NestedField, root.NumFields())
	for i := range fields {
		node := root.Field(i)
		path := []string{node.Name()}
		t, err := typeOf(node, path)
		if err != nil {
			return nil, err
		}
		fields[i] = ice.NestedField{ID: idOf(node, path), Name: node.Name(), Type: t}
	}
	return fields, nil
}

func idOf(node schema.Node, path []string) int {
	if id := node.FieldID(); id > 0 {
		return int(id)
	}
	return parquetwriter.FieldID(path...)
}

// typeOf is the type of a column by the specification of Iceberg, appendix A.
func typeOf(node schema.Node, path []string) (ice.Type, error) {
	group, ok := node.(*schema.GroupNode)
	if !ok {
		return primitiveOf(node.(*schema.PrimitiveNode), path)
	}
	switch group.LogicalType().(type) {
	case schema.MapLogicalType:
		return mapOf(group, path)
	case schema.ListLogicalType:
		return listOf(group, path)
	}
	return structOf(group, path)
}

func mapOf(group *schema.GroupNode, path []string) (ice.Type, error) {
	entry, ok := group.Field(0).(*schema.GroupNode)
	if !ok || entry.NumFields() != 2 {
		return nil, refuse(path, "a map of another form than a group of key and value")
	}
	path = append(path, entry.Name())
	keyPath, valuePath := below(path, entry.Field(0)), below(path, entry.Field(1))
	key, err := typeOf(entry.Field(0), keyPath)
	if err != nil {
		return nil, err
	}
	value, err := typeOf(entry.Field(1), valuePath)
	if err != nil {
		return nil, err
	}
	return &ice.MapType{
		KeyID: idOf(entry.Field(0), keyPath), KeyType: key, ValueID: idOf(entry.Field(1), valuePath), ValueType: value,
	}, nil
}

func listOf(group *schema.GroupNode, path []string) (ice.Type, error) {
	repeated, ok := group.Field(0).(*schema.GroupNode)
	if !ok || repeated.NumFields() != 1 {
		return nil, refuse(path, "a list of another form than three levels")
	}
	path = below(append(path, repeated.Name()), repeated.Field(0))
	element, err := typeOf(repeated.Field(0), path)
	if err != nil {
		return nil, err
	}
	return &ice.ListType{ElementID: idOf(repeated.Field(0), path), Element: element}, nil
}

func structOf(group *schema.GroupNode, path []string) (ice.Type, error) {
	s := &ice.StructType{}
	for i := range group.NumFields() {
		node := group.Field(i)
		fieldPath := below(path, node)
		t, err := typeOf(node, fieldPath)
		if err != nil {
			return nil, err
		}
		s.FieldList = append(s.FieldList, ice.NestedField{ID: idOf(node, fieldPath), Name: node.Name(), Type: t})
	}
	return s, nil
}

// below is the path of a child, in memory of its own.
func below(path []string, child schema.Node) []string {
	return append(append([]string{}, path...), child.Name())
}

func primitiveOf(node *schema.PrimitiveNode, path []string) (ice.Type, error) {
	switch logical := node.LogicalType().(type) {
	case schema.StringLogicalType, schema.JSONLogicalType, schema.EnumLogicalType:
		return ice.PrimitiveTypes.String, nil
	case schema.DateLogicalType:
		return ice.PrimitiveTypes.Date, nil
	case schema.UUIDLogicalType:
		return ice.PrimitiveTypes.UUID, nil
	case schema.DecimalLogicalType:
		return ice.DecimalTypeOf(int(logical.Precision()), int(logical.Scale())), nil
	case schema.TimestampLogicalType:
		if logical.TimeUnit() != schema.TimeUnitMicros {
			return nil, refuse(path, "a time in another unit than microseconds")
		}
		if logical.IsAdjustedToUTC() {
			return ice.PrimitiveTypes.TimestampTz, nil
		}
		return ice.PrimitiveTypes.Timestamp, nil
	}
	switch node.PhysicalType() {
	case parquet.Types.Boolean:
		return ice.PrimitiveTypes.Bool, nil
	case parquet.Types.Int32:
		return ice.PrimitiveTypes.Int32, nil
	case parquet.Types.Int64:
		return ice.PrimitiveTypes.Int64, nil
	case parquet.Types.Float:
		return ice.PrimitiveTypes.Float32, nil
	case parquet.Types.Double:
		return ice.PrimitiveTypes.Float64, nil
	case parquet.Types.ByteArray:
		return ice.PrimitiveTypes.Binary, nil
	}
	return nil, refuse(path, fmt.Sprintf("the type %s", node.PhysicalType()))
}

func refuse(path []string, what string) error {
	return fmt.Errorf("column %s has %s, which no table of Iceberg has: jetcapture convert makes an archive with other "+
		"columns", strings.Join(path, "."), what)
}
