//go:build race

package sim

// shortForm is how many schedules every test run plays; the race detector makes them slow, and there is little for it to find.
const shortForm = 1_000
