//go:build !linux

package spool_test

const childVar = "SPOOL_TEST_CHILD"

// child has no part here: the limit on the size of files is not set the same way everywhere.
func child() int { return 1 }
