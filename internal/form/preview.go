package form

import (
	"strings"

	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/nats-io/nats.go"
)

// Preview shows as text what messages become, also where the files are no text: a row of columns as in CSV, anything
// else as a JSON text. One goroutine uses it.
type Preview struct {
	form    Form
	decoder *decoder
}

// Preview returns the preview of the form.
func (f Form) Preview() *Preview {
	switch {
	case f.IsTable():
		f.Format = CSV
	case f.Format != NDJSON:
		f.Format, f.Record = NDJSON, RecordMessage
	}
	return &Preview{f, newDecoder(f)}
}

// Header is the line above the rows of columns, and empty for other rows.
func (p *Preview) Header() string {
	if p.form.Format != CSV {
		return ""
	}
	f := p.form
	f.CSVNoHeader = false
	return strings.TrimSuffix(f.csvHeader(), "\n")
}

// Row returns the row of a message, and whether a value in it does not fit its column. The error says why the message
// is poison; writers may refuse further ones.
func (p *Preview) Row(m *nats.Msg) (text string, rescued bool, err error) {
	r, _, err := p.decoder.decode(m)
	return string(r.text), r.rescued, err
}

// ColumnTypes returns the columns of the files, as NAME TYPE, or nothing if these have no columns of their own.
func (f Form) ColumnTypes() (all []string) {
	if !f.IsTable() {
		return nil
	}
	for _, c := range f.Columns {
		all = append(all, c.Name+" "+c.Type.String())
	}
	if f.Mismatch == Rescue {
		all = append(all, column.RescuedName+" string")
	}
	return all
}
