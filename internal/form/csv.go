package form

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/column"
)

// csvHeader is the first line of a CSV file. No name needs quotes, see source.ParseNamed.
func (f Form) csvHeader() string {
	if f.CSVNoHeader {
		return ""
	}
	var names []string
	for _, c := range f.Columns {
		names = append(names, c.Name)
	}
	if f.Mismatch == Rescue {
		names = append(names, column.RescuedName)
	}
	return strings.Join(names, ",") + "\n"
}

// csvRow is the values of the columns as a record of RFC 4180.
func (d *decoder) csvRow(w *workspace) (Row, error) {
	w.rescued.Reset()
	line := w.line[:0]
	for i, c := range d.form.Columns {
		if i > 0 {
			line = append(line, ',')
		}
		cell, reason := c.Eval(&w.message)
		if reason == "" && cell.Kind != column.Bytes && strings.IndexByte(cell.Text, 0) >= 0 {
			reason = "it has a NUL, which readers of csv do not take"
		}
		if reason != "" {
			if d.form.Mismatch != Rescue {
				return Row{}, fmt.Errorf("column %s: %s", c, reason)
			}
			w.rescued.Add(c, &w.message, reason)
			cell = column.Cell{}
		}
		line = d.form.appendField(line, cell)
	}
	var rescued []byte
	if d.form.Mismatch == Rescue {
		rescued = w.rescued.Text()
		line = d.form.appendRescued(append(line, ','), rescued)
	}
	if len(line) == 0 {
		line = append(line, `""`...) // most readers skip an empty line
	}
	w.line = line
	return Row{text: bytes.Clone(line), rescued: rescued != nil}, nil
}

// appendRescued appends the last field.
func (f Form) appendRescued(line, text []byte) []byte {
	if text == nil {
		return append(line, f.CSVNull...)
	}
	return f.appendText(line, string(text))
}

// appendField appends a value as a field.
func (f Form) appendField(line []byte, c column.Cell) []byte {
	switch c.Kind {
	case column.Null:
		return append(line, f.CSVNull...)
	case column.Bool:
		return strconv.AppendBool(line, c.Bool)
	case column.Int64:
		return strconv.AppendInt(line, c.Int, 10)
	case column.Float64:
		return strconv.AppendFloat(line, c.Float, 'g', -1, 64)
	case column.Timestamp:
		return c.Time.AppendFormat(line, time.RFC3339Nano)
	case column.Date:
		return c.Time.AppendFormat(line, time.DateOnly)
	case column.Bytes:
		if c.Text == "" || f.CSVEscape {
			return f.appendText(line, base64.StdEncoding.EncodeToString([]byte(c.Text)))
		}
		return base64.StdEncoding.AppendEncode(line, []byte(c.Text))
	}
	return f.appendText(line, c.Text)
}

// appendText appends a text as a field.
func (f Form) appendText(line []byte, text string) []byte {
	if f.CSVEscape {
		text = jetcapture.EscapeFormula(text)
	}
	return appendText(line, text, f.CSVNull)
}

// appendText appends a text, in quotes where encoding/csv would quote it, and where it could be taken for a null.
func appendText(line []byte, text, null string) []byte {
	if text != null && (text == "" || text[0] != ' ' && text != `\.` && !strings.ContainsAny(text, ",\"\r\n")) {
		return append(line, text...)
	}
	line = append(line, '"')
	for {
		before, after, found := strings.Cut(text, `"`)
		line = append(line, before...)
		if !found {
			return append(line, '"')
		}
		line = append(line, `""`...)
		text = after
	}
}

// checkCSV returns what is wrong with the options of CSV.
func (f Form) checkCSV() (problems []error) {
	if f.Format != CSV && (f.CSVNull != "" || f.CSVNoHeader || f.CSVEscape) {
		problems = append(problems,
			fmt.Errorf("--csv-null, --csv-header, --csv-escape-formulas: are for --format csv, not for %s", f.Format))
	}
	if strings.ContainsAny(f.CSVNull, ",\"\r\n\x00") || strings.HasPrefix(f.CSVNull, " ") {
		problems = append(problems,
			fmt.Errorf("--csv-null: %q would need quotes; take a word such as NULL or \\N", f.CSVNull))
	}
	return problems
}
