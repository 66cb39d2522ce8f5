// Package oracle reads the archive of a capture as docs/FORMAT.md describes it, with code of its own, and compares it
// with what its stream held. It shares only the interface of the store with the code that wrote the archive, so that a
// mistake there is not repeated here. It is for tests: it keeps whole archives in memory.
//
// Read checks an archive by itself: sums, chain, accounting, each planned file under its name with its size and sum,
// and that there are no other files. Archive.ExactlyOnce then compares the rows with the messages.
package oracle
