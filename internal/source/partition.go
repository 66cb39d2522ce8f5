package source

import (
	"bytes"
	"slices"
	"strings"
)

// emptyPartition stands for the empty text as the value of a hive partition. Spark reads no partition of a table with a
// directory NAME=, Hive and Athena pass over it, and DuckDB makes NULL of it in a column of numbers.
const emptyPartition = "_empty"

// GuardPartition changes the value of a directory NAME=VALUE, which begins at start, if readers of hive partitions take
// it for SQL's NULL after they have decoded it. Such a value gets one more underscore in front:
// __HIVE_DEFAULT_PARTITION__ in any case (Hive, Spark, Trino, Athena, DuckDB), and \N (Trino, Athena). The empty text
// becomes _empty. Different values stay different.
//
// The value NULL is left to cutlog.EscapeDir: readers take it for NULL only as long as it is not escaped.
func GuardPartition(dir []byte, start int) []byte {
	if start == len(dir) {
		return append(dir, emptyPartition...)
	}
	if c := dir[start]; c != '_' && c != '\\' {
		return dir
	}
	rest := string(bytes.TrimLeft(dir[start:], "_"))
	underscores := len(dir) - start - len(rest)
	if rest == `\N` || underscores >= 1 && rest == emptyPartition[1:] ||
		underscores >= 2 && strings.EqualFold(rest, "HIVE_DEFAULT_PARTITION__") {
		return slices.Insert(dir, start, '_')
	}
	return dir
}
