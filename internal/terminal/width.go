package terminal

import (
	"strings"
	"unicode"
)

// wide are the characters that terminals show two columns wide: those of East Asia, and pictures.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x2e80, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1faff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1}},
}

// columns is how many columns a printable character takes. Terminals differ about a few.
func columns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// Width is how many columns a printable text takes.
func Width(s string) (n int) {
	for _, r := range s {
		n += columns(r)
	}
	return n
}

// Cut returns a printable text of at most width columns. What is left out is replaced by dots.
func Cut(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	const dots = "..."
	kept := max(width-len(dots), 0)
	for i, r := range s {
		if kept -= columns(r); kept < 0 {
			return s[:i] + dots[:max(min(width, len(dots)), 0)]
		}
	}
	return s
}

// Wrap breaks a printable text into lines of at most width columns, at blanks where it has some.
func Wrap(s string, width int) (lines []string) {
	width = max(width, 1)
	line, used := "", 0
	for word := range strings.FieldsSeq(s) {
		if n := Width(word); used > 0 && used+1+n <= width {
			line, used = line+" "+word, used+1+n
			continue
		}
		if used > 0 {
			lines = append(lines, line)
		}
		line, used = "", 0
		for _, r := range word {
			if n := columns(r); used+n > width {
				lines, line, used = append(lines, line), "", 0
			}
			line, used = line+string(r), used+columns(r)
		}
	}
	if used > 0 {
		lines = append(lines, line)
	}
	return lines
}
