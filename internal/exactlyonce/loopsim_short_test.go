//go:build !race

package exactlyonce

const (
	shortForm   = 300 // schedules that every test run plays
	mutantSeeds = 100 // schedules in which a planted bug must be noticed
	replays     = 20  // schedules that are played twice
)
