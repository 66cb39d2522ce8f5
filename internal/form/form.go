// Package form is what messages become in the files of the command jetcapture: decoders, rows and writers for each
// format, made of the user's options or of the settings of a plan. Its errors name options as users write them:
// --column.
package form

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/avrowriter"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/jetcapture/jetcapture/parquetwriter"
)

// Options are the library's options for the rows and keys of this package.
type Options = jetcapture.Options[Row, Key]

// Format is a file format.
type Format string

// The formats. Their names are the suffixes of the files.
const (
	NDJSON  Format = cutlog.FormatNDJSON
	CSV     Format = cutlog.FormatCSV
	Parquet Format = cutlog.FormatParquet
	Avro    Format = cutlog.FormatAvro
	Raw     Format = cutlog.FormatRaw
)

// Formats returns all formats, in the order in which users read them.
func Formats() []Format { return []Format{NDJSON, CSV, Parquet, Avro, Raw} }

// Packed reports whether files of the format are compressed inside, so that no codec is around them. Their writers keep
// rows back, and make them of their messages when these are written, not when they are decoded.
func (f Format) Packed() bool { return f == Parquet || f == Avro }

// Record is what a message becomes.
type Record string

// The records.
const (
	// RecordMessage is jetcapture.NatsMessage, or what the writers of Parquet and Avro make of it.
	RecordMessage   Record = cutlog.RecordMessage
	RecordPayload   Record = cutlog.RecordPayload   // the payload alone
	RecordEvent     Record = cutlog.RecordEvent     // jetcapture.CloudEvent
	RecordEventHubs Record = cutlog.RecordEventHubs // as in the files of Azure Event Hubs Capture
)

// Records returns all records.
func Records() []Record { return []Record{RecordMessage, RecordPayload, RecordEvent, RecordEventHubs} }

// records are those that a format has.
func (f Format) records() []Record {
	switch f {
	case NDJSON:
		return []Record{RecordMessage, RecordPayload, RecordEvent}
	case Avro:
		return []Record{RecordMessage, RecordEventHubs}
	}
	return []Record{RecordMessage}
}

// Payload is what the payload of a message is in Parquet.
type Payload string

// The types of payloads.
const (
	PayloadBytes Payload = "bytes"
	PayloadJSON  Payload = "json" // where it is not JSON it is null, and its bytes are in another column
)

// Mismatch is the policy for a value that does not fit its column.
type Mismatch string

// The policies.
const (
	Rescue     Mismatch = "rescue"      // the column _rescued keeps it
	DeadLetter Mismatch = "dead-letter" // the whole message is poison
)

// Form says how messages become rows, and rows a file. It is configuration only: a value that may be copied, and is not
// changed once it is in use.
type Form struct {
	Format      Format
	Record      Record
	Columns     []column.Column
	Keys        []source.Named
	Payload     Payload  // for Parquet without columns
	Mismatch    Mismatch // for columns
	CSVNull     string
	CSVNoHeader bool
	// CSVEscape puts ' in front of values that a spreadsheet could take for formulas, see jetcapture.EscapeFormula.
	CSVEscape bool
	Codec     jetcapture.Compression // inside of packed formats
	Level     int                    // of the codec
	// Micros leaves out the nanoseconds of times, as earlier versions did, for cuts that they planned. It is for messages
	// in packed formats.
	Micros bool
	// NoFieldIDs leaves out the field ids of Parquet files, as earlier versions did, for cuts that they planned.
	NoFieldIDs bool
}

// Hooks tell what happens to rows.
type Hooks struct {
	// Rescued is called for each row that is written with values which do not fit their columns. It is called from the
	// goroutines that write files, several at a time. Nil is allowed.
	Rescued func()
	// Watch sees each message that is decoded. Nil is allowed.
	Watch *Watch
}

func (h Hooks) rescued() {
	if h.Rescued != nil {
		h.Rescued()
	}
}

// IsTable reports whether the columns say what a row is.
func (f Form) IsTable() bool {
	return f.Format == CSV || f.Format == Parquet && len(f.Columns) > 0
}

// hasTimes reports whether the files have times for which it matters who planned them.
func (f Form) hasTimes() bool { return f.Format.Packed() && !f.IsTable() && f.Record == RecordMessage }

// Check returns what does not fit together. chosen reports whether the user gave an option another value than its
// default.
func (f Form) Check(chosen func(option string) bool) (problems []error) {
	add := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	columns, table := len(f.Columns) > 0, f.IsTable()
	add(f.Format == CSV && !columns, "--format csv: needs at least one --column, such as --column total=json:total")
	add(!table && columns, "--column: is for --format csv and parquet, not for %s", f.Format)
	add(table && chosen("record"), "--record: a row of columns is what the columns say; give one of --record and --column")
	add(f.Format == Raw && chosen("record"), "--record: a record of --format raw is the whole message; leave it out")
	records := f.Format.records()
	add(!table && f.Format != Raw && !slices.Contains(records, f.Record),
		"--record: --format %s has %s, not %s", f.Format, words(records), f.Record)
	add(chosen("payload") && (f.Format != Parquet || columns), "--payload: is for --format parquet without columns")
	add(chosen("on-mismatch") && !table, "--on-mismatch: is for columns, and there are none")
	problems = append(problems, f.checkCSV()...)
	var names []string
	for _, c := range f.Columns {
		names = append(names, c.Name)
	}
	problems = append(problems, source.Repeated("--column", names)...)
	if len(problems) == 0 && f.Format.Packed() {
		if _, err := f.packedFactory(Hooks{}); err != nil {
			problems = append(problems, ofOption(err))
		}
	}
	return problems
}

// words lists names for people.
func words[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = string(one)
	}
	return strings.Join(texts, ", ")
}

// ofOption names the option that a writer's error is about.
func ofOption(err error) error {
	var parquet *parquetwriter.OptionError
	var avro *avrowriter.OptionError
	var misfit *parquetwriter.ColumnError
	field, reason := "", err.Error()
	switch {
	case errors.As(err, &misfit):
		return fmt.Errorf("--column: column %q: %s", misfit.Column, misfit.Reason)
	case errors.As(err, &parquet):
		field, reason = parquet.Field, parquet.Reason
	case errors.As(err, &avro):
		field, reason = avro.Field, avro.Reason
	}
	options := map[string]string{"Compression": "--compression", "Level": "--compression-level"}
	return fmt.Errorf("%s: %s", cmp.Or(options[field], "--format"), reason)
}
