package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/avrowriter"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/jetcapture/jetcapture/parquetwriter"
)

// format is a file format.
type format string

// The formats. Their names are the suffixes of the files.
const (
	formatNDJSON  format = cutlog.FormatNDJSON
	formatCSV     format = cutlog.FormatCSV
	formatParquet format = cutlog.FormatParquet
	formatAvro    format = cutlog.FormatAvro
	formatRaw     format = cutlog.FormatRaw
)

func formats() []format {
	return []format{formatNDJSON, formatCSV, formatParquet, formatAvro, formatRaw}
}

// record is what a message becomes.
type record string

// The records.
const (
	recordMessage   record = cutlog.RecordMessage   // jetcapture.NatsMessage, or what the writers of Parquet and Avro make of it
	recordPayload   record = cutlog.RecordPayload   // the payload alone
	recordEvent     record = cutlog.RecordEvent     // jetcapture.CloudEvent
	recordEventHubs record = cutlog.RecordEventHubs // as in the files of Azure Event Hubs Capture
)

func records() []record { return []record{recordMessage, recordPayload, recordEvent, recordEventHubs} }

// recordsOf are those that a format has.
func recordsOf(f format) []record {
	switch f {
	case formatNDJSON:
		return []record{recordMessage, recordPayload, recordEvent}
	case formatAvro:
		return []record{recordMessage, recordEventHubs}
	}
	return []record{recordMessage}
}

// payloadType is what the payload of a message is in Parquet.
type payloadType string

// The types of payloads.
const (
	payloadBytes payloadType = "bytes"
	payloadJSON  payloadType = "json" // null, and bytes in another column, where it is not JSON
)

// mismatchPolicy is what becomes of a value that does not fit its column.
type mismatchPolicy string

// The policies.
const (
	mismatchRescue     mismatchPolicy = "rescue"      // it goes into the column _rescued
	mismatchDeadLetter mismatchPolicy = "dead-letter" // the message is poison
)

// form is how messages become rows and where these go.
type form struct {
	format      format
	record      record
	columns     []column.Column
	keys        []source.Named
	payload     payloadType    // of Parquet without columns
	mismatch    mismatchPolicy // of columns
	csvNull     string
	csvNoHeader bool
	codec       jetcapture.Compression // of packed formats
	level       int                    // of the codec
	mismatched  *atomic.Int64          // counts rows with values that do not fit; may be nil
}

// count counts a row with values that do not fit.
func (f form) count() {
	if f.mismatched != nil {
		f.mismatched.Add(1)
	}
}

// isTable reports whether a row is what the columns say.
func (f form) isTable() bool {
	return f.format == formatCSV || f.format == formatParquet && len(f.columns) > 0
}

// problems says what does not fit together; chosen tells which options the user gave another value than their default.
func (f form) problems(chosen func(option string) bool) (problems []error) {
	add := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	hasColumns := len(f.columns) > 0
	add(f.format == formatCSV && !hasColumns, "--format csv: needs at least one --column, such as --column total=json:total")
	add(!f.isTable() && hasColumns, "--column: is for --format csv and parquet, not for %s", f.format)
	add(f.isTable() && chosen("record"), "--record: a row of columns is what the columns say; give one of --record and --column")
	add(f.format == formatRaw && chosen("record"), "--record: a record of --format raw is the whole message; leave it out")
	if !f.isTable() && f.format != formatRaw && !slices.Contains(recordsOf(f.format), f.record) {
		problems = append(problems, fmt.Errorf("--record: --format %s has %s, not %s", f.format, join(recordsOf(f.format)), f.record))
	}
	add(chosen("payload") && (f.format != formatParquet || hasColumns), "--payload: is for --format parquet without columns")
	add(chosen("on-mismatch") && !f.isTable(), "--on-mismatch: is for columns, there are none")
	problems = append(problems, f.csvProblems()...)
	problems = append(problems, twice("--column", f.columns, func(c column.Column) string { return c.Name })...)
	if len(problems) == 0 && f.format.packed() {
		if _, err := f.packedFactory(); err != nil {
			problems = append(problems, inPackedFlags(err))
		}
	}
	return problems
}

// inPackedFlags names the flag that a writer's error is about.
func inPackedFlags(err error) error {
	var parquet *parquetwriter.OptionError
	var avro *avrowriter.OptionError
	var column *parquetwriter.ColumnError
	field, reason := "", err.Error()
	switch {
	case errors.As(err, &column):
		return fmt.Errorf("--column: column %q: %s", column.Column, column.Reason)
	case errors.As(err, &parquet):
		field, reason = parquet.Field, parquet.Reason
	case errors.As(err, &avro):
		field, reason = avro.Field, avro.Reason
	}
	flags := map[string]string{"Compression": "--compression", "Level": "--compression-level"}
	return fmt.Errorf("%s: %s", cmp.Or(flags[field], "--format"), reason)
}

// twice finds names that are given twice. Most readers of tables ignore case.
func twice[T any](flag string, all []T, name func(T) string) (problems []error) {
	seen := map[string]string{}
	for _, one := range all {
		n := name(one)
		if n == "" {
			continue
		}
		folded := strings.ToLower(n)
		switch other, ok := seen[folded]; {
		case ok && other == n:
			problems = append(problems, fmt.Errorf("%s: the name %s is given twice", flag, n))
		case ok:
			problems = append(problems, fmt.Errorf("%s: the names %s and %s are one to most readers", flag, other, n))
		}
		seen[folded] = n
	}
	return problems
}

// formatAll makes one text of sources or columns; parseAll reads it.
func formatAll[T fmt.Stringer](all []T) string {
	expressions := make([]string, len(all))
	for i, one := range all {
		expressions[i] = one.String()
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(expressions) // strings always encode
	return strings.TrimSuffix(b.String(), "\n")
}

func parseAll[T any](s string, parse func(string) (T, error)) (all []T, err error) {
	if s == "" {
		return nil, nil
	}
	var expressions []string
	if err := json.Unmarshal([]byte(s), &expressions); err != nil {
		return nil, fmt.Errorf("%q is no list: %w", s, err)
	}
	for _, e := range expressions {
		one, err := parse(e)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}
