package iceberg

import (
	"fmt"
	"strings"

	ice "github.com/apache/iceberg-go"
)

// evolve returns the columns of a table that has columns of its own and is to have those of a file, and whether they
// differ from those before. Columns are added, and promoted as Iceberg allows it. Anything else is an error, since the
// files that are in the table cannot be read otherwise.
func evolve(table, file []ice.NestedField) (columns []ice.NestedField, changed bool, err error) {
	columns = append(columns, table...)
	for _, f := range file {
		at, err := find(columns, f)
		if err != nil {
			return nil, false, err
		}
		if at < 0 {
			columns, changed = append(columns, f), true
			continue
		}
		wider, err := union(columns[at].Type, f.Type)
		if err != nil {
			return nil, false, fmt.Errorf("column %s: %w", f.Name, err)
		}
		if !wider.Equals(columns[at].Type) {
			columns[at].Type, changed = wider, true
		}
	}
	return columns, changed, nil
}

const newTable = "take another --table for the cuts from here on, or jetcapture convert, which makes an archive with " +
	"the same columns throughout"

// find returns the place of the column with the id of a field, -1 if there is none.
func find(columns []ice.NestedField, f ice.NestedField) (int, error) {
	for i, c := range columns {
		if c.ID == f.ID {
			return i, nil
		}
	}
	for _, c := range columns {
		if strings.EqualFold(c.Name, f.Name) {
			return 0, fmt.Errorf("column %s has the id %d in the table and %d, as %s, in the files: the table was not made by "+
				"this program, or the names differ in case; %s", c.Name, c.ID, f.ID, f.Name, newTable)
		}
	}
	return -1, nil
}

// union is the type that holds the values of two.
func union(a, b ice.Type) (ice.Type, error) {
	if a.Equals(b) {
		return a, nil
	}
	for _, pair := range [][2]ice.Type{{a, b}, {b, a}} {
		if promotes(pair[0], pair[1]) {
			return pair[1], nil
		}
	}
	return nil, fmt.Errorf("it is %s in the table and %s in the files, and no table can have both: %s", a, b, newTable)
}

// promotes reports whether Iceberg reads files of one type in a column of another.
func promotes(from, to ice.Type) bool {
	switch from := from.(type) {
	case ice.Int32Type:
		return to.Equals(ice.PrimitiveTypes.Int64)
	case ice.Float32Type:
		return to.Equals(ice.PrimitiveTypes.Float64)
	case ice.DecimalType:
		to, ok := to.(ice.DecimalType)
		return ok && to.Scale() == from.Scale() && to.Precision() > from.Precision()
	}
	return false
}
