//go:build race

package archive_test

// The race detector makes the whole year of cuts take minutes. "make test" plays it without.
const aYear = 4_000
