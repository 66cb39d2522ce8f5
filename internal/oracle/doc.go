// Package oracle reads the archive of a capture as docs/FORMAT.md describes it, with code of its own, and judges it against what its
// stream held. It shares nothing with the code that wrote the archive but the interface of the store, so that a mistake there is not
// repeated here. It is for tests: it keeps whole archives in memory.
//
// Read checks what an archive must be by itself: sums, chain, accounting, each planned file under its name, with its size and sum, and
// no file that no plan names. Archive.ExactlyOnce then compares the rows with the messages.
package oracle
