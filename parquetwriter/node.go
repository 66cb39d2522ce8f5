package parquetwriter

import (
	"slices"

	"github.com/parquet-go/parquet-go"
)

// group is a parquet.Group whose fields keep their order. A parquet.Group sorts them by name.
type group struct {
	parquet.Group
	place map[string]int
}

// column is a named node.
type column struct {
	name string
	node parquet.Node
}

func newGroup(columns []column) group {
	g := group{Group: make(parquet.Group, len(columns)), place: make(map[string]int, len(columns))}
	for i, c := range columns {
		g.Group[c.name], g.place[c.name] = c.node, i
	}
	return g
}

// Fields implements parquet.Node.
func (g group) Fields() []parquet.Field {
	fields := g.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int { return g.place[a.Name()] - g.place[b.Name()] })
	return fields
}

// Leaves that several columns consist of. Delta encoding makes growing numbers small, and all recent engines read it.
func growing(node parquet.Node) parquet.Node {
	return parquet.Encoded(node, &parquet.DeltaBinaryPacked)
}

func repeating(node parquet.Node) parquet.Node { return parquet.Encoded(node, &parquet.RLEDictionary) }

func bytesNode() parquet.Node { return parquet.Leaf(parquet.ByteArrayType) }
