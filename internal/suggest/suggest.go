// Package suggest finds what a mistyped word may have meant.
package suggest

// maxLength bounds the work for words that no keyword is near to.
const maxLength = 64

// Nearest returns the word that is nearest to a mistyped one, at most distance single-letter changes away, or "" if
// there is none. A word of which nothing would be left is not near.
func Nearest(mistyped string, words []string, distance int) string {
	best, nearest := distance+1, ""
	for _, w := range words {
		if d := Distance(mistyped, w); d < best && d < len(w) {
			best, nearest = d, w
		}
	}
	return nearest
}

// Distance is the Levenshtein distance of two words, in bytes; that of very long words may be too large.
func Distance(a, b string) int {
	if len(a) > maxLength || len(b) > maxLength {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
