package parquetwriter

import (
	"hash/fnv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// maxFieldID leaves room above for columns that an engine adds to a table: it gives them the next numbers. Iceberg
// keeps the numbers near 2^31 to itself.
const maxFieldID = 1 << 30

// FieldID is the id of the column with a path, as in the schema of the file, from 1 to 2^30. Table formats such as
// Iceberg go by the id and not by the name. It is a function of the path, so that a column has the same id in all
// files, also if other columns come before it.
func FieldID(path ...string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.Join(path, "."))) // a hash takes everything
	return 1 + int(h.Sum32()%maxFieldID)
}

// fieldIDs gives nodes their ids. It is false if files have none.
type fieldIDs bool

// of returns the node of a path with its id.
func (ids fieldIDs) of(node parquet.Node, path ...string) parquet.Node {
	if !ids {
		return node
	}
	return parquet.FieldID(node, FieldID(path...))
}

// version is that of a layout, which has a greater one with ids.
func (ids fieldIDs) version(without string) string {
	if ids {
		return fieldIDsVersion
	}
	return without
}
