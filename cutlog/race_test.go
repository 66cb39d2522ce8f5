//go:build race

package cutlog_test

// largeBlocks is how many blocks a large plan has: fewer with the race detector, which makes them some twenty times
// slower.
const largeBlocks = 5_000
