package main

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

// thousands prints a number in groups of three digits.
func thousands(n int64) string { return humanize.Comma(n) }

// counted prints a number of things. what is their name in the singular; its plural ends in s.
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

// oneOr is what is said of one thing, or of several.
func oneOr(n int64, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

// byteText prints a size in the largest binary unit that it reaches.
func byteText(n int64) string {
	for _, u := range units()[:4] {
		if n >= u.bytes {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.bytes), u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
