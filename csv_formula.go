package jetcapture

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// EscapeFormulas wraps the flattenFn of NewCSVWriter: each field of its rows goes through EscapeFormula. Use it for
// files that people open in spreadsheets and whose values come from strangers.
func EscapeFormulas[P Payload](flattenFn func(payload P) ([][]string, error)) func(payload P) ([][]string, error) {
	return func(payload P) ([][]string, error) {
		rows, err := flattenFn(payload)
		escaped := make([][]string, len(rows)) // the rows may be the payload's
		for i, row := range rows {
			escaped[i] = make([]string, len(row))
			for j, field := range row {
				escaped[i][j] = EscapeFormula(field)
			}
		}
		return escaped, err
	}
}

// formulaStarts are the characters at the beginning of a field that make spreadsheets take it for a formula, with those
// that some of them take for the same, or skip.
const formulaStarts = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"

// EscapeFormula puts ' in front of a field of CSV that a spreadsheet could take for a formula, which makes it text
// there. Such a field begins with = + - @, their wide forms, a tab, CR or LF, or with any number of ' before one of
// these. Numbers of JSON, such as -1.5, stay. Different fields stay different: take one ' away to get back what was
// there.
func EscapeFormula(field string) string {
	rest := strings.TrimLeft(field, "'")
	first, _ := utf8.DecodeRuneInString(rest)
	switch {
	case rest == "", !strings.ContainsRune(formulaStarts, first):
		return field
	case field[0] == '-' && json.Valid([]byte(field)):
		return field
	}
	return "'" + field
}
