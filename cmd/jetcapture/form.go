package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jetcapture/jetcapture/internal/source"
)

// format is a file format.
type format string

// The formats. Their names are the suffixes of the files.
const (
	formatNDJSON format = "ndjson"
	formatCSV    format = "csv"
	formatRaw    format = "raw"
)

func formats() []format { return []format{formatNDJSON, formatCSV, formatRaw} }

// record is what a line of NDJSON holds.
type record string

// The records.
const (
	recordMessage record = "message" // jetcapture.NatsMessage
	recordPayload record = "payload" // the payload alone
	recordEvent   record = "event"   // jetcapture.CloudEvent
)

func records() []record { return []record{recordMessage, recordPayload, recordEvent} }

// form is how messages become rows and where these go.
type form struct {
	format  format
	record  record // of NDJSON
	columns []source.Named
	keys    []source.Named
}

// problems says what does not fit together; recordGiven is whether the user chose the record.
func (f form) problems(recordGiven bool) (problems []error) {
	switch {
	case f.format == formatCSV && len(f.columns) == 0:
		problems = append(problems, errors.New("--format csv: needs at least one --column, such as --column total=json:total"))
	case f.format != formatCSV && len(f.columns) > 0:
		problems = append(problems, fmt.Errorf("--column: is for --format csv, not for %s", f.format))
	}
	switch {
	case f.format == formatCSV && recordGiven:
		problems = append(problems, errors.New("--record: is for --format ndjson; a row of csv is what the columns say"))
	case f.format == formatRaw && recordGiven:
		problems = append(problems, errors.New("--record: is for --format ndjson; a record of raw is the whole message"))
	}
	problems = append(problems, twice("--column", f.columns)...)
	return append(problems, twice("--key", f.keys)...)
}

// twice finds names that are given to more than one source.
func twice(flag string, sources []source.Named) (problems []error) {
	seen := map[string]bool{}
	for _, s := range sources {
		if s.Name != "" && seen[s.Name] {
			problems = append(problems, fmt.Errorf("%s: the name %s is given twice", flag, s.Name))
		}
		seen[s.Name] = true
	}
	return problems
}

// formatSources makes one text of sources; parseSources reads it.
func formatSources(sources []source.Named) string {
	expressions := make([]string, len(sources))
	for i, s := range sources {
		expressions[i] = s.String()
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(expressions) // strings always encode
	return strings.TrimSuffix(b.String(), "\n")
}

func parseSources(s string) (sources []source.Named, err error) {
	if s == "" {
		return nil, nil
	}
	var expressions []string
	if err := json.Unmarshal([]byte(s), &expressions); err != nil {
		return nil, fmt.Errorf("%q is no list of sources: %w", s, err)
	}
	for _, e := range expressions {
		n, err := source.ParseNamed(e)
		if err != nil {
			return nil, err
		}
		sources = append(sources, n)
	}
	return sources, nil
}
