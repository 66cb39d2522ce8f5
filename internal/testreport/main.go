// Command testreport reads the output of "go test -json" and prints what people want to see of it: the result of each
// package as it comes, the output of what failed, the slowest tests, and a last line "N passed, N failed". It exits
// with 1 if a test failed, a package did not build, a test was skipped, or no test ran at all. A test that skips itself
// proves nothing.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	slowest := flag.Int("slowest", 15, "how many of the slowest tests to list")
	note := flag.String("note", "", "a line to print before the last one")
	flag.Parse()
	r := newReport(os.Stdout)
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if !r.finish(*slowest, *note) {
		os.Exit(1)
	}
}
