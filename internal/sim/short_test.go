//go:build !race

package sim

// shortForm is how many schedules every test run plays.
const shortForm = 50_000
