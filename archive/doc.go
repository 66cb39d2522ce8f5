// Package archive is the reading side of an archive: it lists what the captures in it have stored, and verifies that it is whole. It
// needs a bucket and nothing else, and changes nothing in it. docs/FORMAT.md says what an archive is made of.
//
//	a := archive.Open(b)
//	for c, err := range a.Captures(ctx)   // the captures that share the archive
//	for cut, err := range c.Cuts(ctx)     // the cuts of one, in order
//	for b := range cut.Blocks()           // the files of one
//	a.Verify(ctx, archive.VerifyOptions{})
//
// An archive is not trusted: what its records claim is checked and bounded before it is believed. No more than the records of one cut
// are held in memory, whatever the number of cuts and files.
package archive
