//go:build !race

package cutlog_test

// largeBlocks is how many blocks a large plan has.
const largeBlocks = 100_000
