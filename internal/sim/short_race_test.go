//go:build race

package sim

// shortForm is how many schedules every test run plays. The race detector makes them slow, and finds little in them.
const shortForm = 1_000
