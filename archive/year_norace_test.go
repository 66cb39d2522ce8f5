//go:build !race

package archive_test

const aYear = 35_000 // cuts of a quarter of an hour
