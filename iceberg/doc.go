// Package iceberg shows a capture as an Apache Iceberg table: a projection of its cut log that decides nothing. Each
// complete cut is appended as a snapshot of the files that it already has, where they lie. The larger files of a
// conversion may take their place.
//
// Exactly once rests on the table alone. The number of the newest cut in it is a property of the table, which is set in
// the transaction that adds the files of that cut. A transaction succeeds only if the table has the snapshot that its
// writer has read. So rivals, crashes and commits of unknown outcome need nothing but reading the property again.
package iceberg
