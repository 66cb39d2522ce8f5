//go:build race

package exactlyonce

// The race detector makes schedules slow.
const (
	shortForm   = 40  // schedules that every test run plays
	mutantSeeds = 100 // schedules in which a planted bug must be noticed
	replays     = 3   // schedules that are played twice
)
