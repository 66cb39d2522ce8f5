// Package archive is the reading side of an archive. It lists what the captures in it have stored, reads the messages
// back, and verifies that the archive is whole. It needs nothing but a bucket and does not change it. docs/FORMAT.md
// describes what an archive consists of.
//
//	a := archive.Open(b)
//	for c, err := range a.Captures(ctx)   // the captures that share the archive
//	for cut, err := range c.Cuts(ctx)     // the cuts of one, in order
//	for b := range cut.Blocks()           // the files of one
//	for i, err := range c.Messages(ctx, archive.ReadOptions{})
//	a.Verify(ctx, archive.VerifyOptions{})
//
// An archive is not trusted: what its records claim is checked and bounded before it is used. No more than the records
// of one cut are held in memory, for any number of cuts and files.
package archive
