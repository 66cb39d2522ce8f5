package cutlog

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// No other file spells the names of settings.

// Settings are what shapes the bytes of the files of a cut, by name. A plan keeps them, so that a cut which was
// interrupted is finished as it was planned.
type Settings map[string]string

// The settings of the library.
const (
	SettingCompression      = "compression"       // around the file
	SettingCompressionLevel = "compression_level" // absent: the codec's default
	SettingSuffix           = "suffix"            // of the file names
	SettingDecoderVersion   = "decoder_version"   // names how messages become rows
	SettingMaxAge           = "max_age"           // the length of a window
	SettingHeaders          = "headers"           // HeadersWhole, or absent in plans of earlier versions
)

// HeadersWhole says that decoders got the whole header block of a message if a client parses only a part of it. Before,
// they got that part alone.
const HeadersWhole = "whole"

// userPrefix keeps the names of the library's user apart from those of the library.
const userPrefix = "x_"

// The settings of the command jetcapture. A plan keeps them with a prefix, as it does all settings of the library's
// user: see User.
const (
	SettingFormat      = "format"       // of the files, see FormatNDJSON and so on
	SettingRecord      = "record"       // what a message becomes, see RecordMessage and so on
	SettingColumns     = "columns"      // a JSON list of column expressions
	SettingKeys        = "keys"         // a JSON list of named sources
	SettingPayload     = "payload"      // how a payload is kept where there are no columns
	SettingMismatch    = "on_mismatch"  // the policy for a value that does not fit its column
	SettingCSVNull     = "csv_null"     // what stands for null
	SettingCSVHeader   = "csv_header"   // "false": files have no line with the names of the columns
	SettingCSVFormulas = "csv_formulas" // FormulasEscaped, or absent: fields are as they are
	SettingTimes       = "times"        // TimesNanos, or absent in plans of earlier versions
	SettingFieldIDs    = "field_ids"    // FieldIDsByName, or absent in plans of earlier versions
	SettingCodec       = "codec"        // compression inside of the file
	SettingCodecLevel  = "codec_level"
	SettingLayout      = "layout" // of the directories, for people only: planned files stay where they were planned
)

// The file formats of the command.
const (
	FormatNDJSON  = "ndjson"
	FormatCSV     = "csv"
	FormatParquet = "parquet"
	FormatAvro    = "avro"
	FormatRaw     = "raw"
)

// The records of the command.
const (
	RecordMessage   = "message"   // the whole message
	RecordPayload   = "payload"   // the payload alone
	RecordEvent     = "event"     // the whole message as a CloudEvent
	RecordEventHubs = "eventhubs" // the fields of Azure Event Hubs Capture
)

// FormulasEscaped says that fields of CSV which a spreadsheet could take for formulas have a ' in front.
const FormulasEscaped = "escaped"

// TimesNanos says that messages in Parquet and Avro have their time in nanoseconds, too. Before, they had microseconds
// only.
const TimesNanos = "ns"

// FieldIDsByName says that the columns of Parquet files have field ids, which are functions of their names. Before,
// they had none.
const FieldIDsByName = "name"

// CommandVersion is the decoder version of the command. It changes when a release makes other rows of the same
// settings.
const CommandVersion = "jetcapture-1"

// Changes says what is different from the settings of an earlier plan, for people: "format is parquet, was ndjson".
// What only one of the two knows is no change if it is a setting of a later version.
func (s Settings) Changes(earlier Settings) (changes []string) {
	names := slices.Collect(maps.Keys(s))
	for name := range earlier {
		if _, both := s[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		now, then := s[name], earlier[name]
		switch {
		case now == then, name == SettingHeaders, name == userPrefix+SettingFieldIDs,
			then == "" && name == userPrefix+SettingLayout:
		default:
			name = strings.TrimPrefix(name, userPrefix)
			changes = append(changes, fmt.Sprintf("%s is %s, was %s", name, shown(now), shown(then)))
		}
	}
	return changes
}

func shown(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}

// Compression is the codec around the file, empty for none.
func (s Settings) Compression() string { return s[SettingCompression] }

// CompressionLevel is the level of that codec, 0 for its default.
func (s Settings) CompressionLevel() (int, error) {
	return level("compression level", s[SettingCompressionLevel])
}

// MaxAge is the length of a window, 0 if the plan does not say.
func (s Settings) MaxAge() time.Duration {
	age, err := time.ParseDuration(s[SettingMaxAge])
	if err != nil {
		return 0
	}
	return max(age, 0)
}

// WholeHeaders reports whether decoders got whole header blocks.
func (s Settings) WholeHeaders() bool { return s[SettingHeaders] == HeadersWhole }

// User is a setting of the library's user, empty if there is none.
func (s Settings) User(name string) string { return s[userPrefix+name] }

// SetUser sets a setting of the library's user.
func (s Settings) SetUser(name, value string) { s[userPrefix+name] = value }

// Command reports whether the command planned the files with rows that this version knows.
func (s Settings) Command() bool { return s[SettingDecoderVersion] == CommandVersion }

// CSVHeader reports whether a CSV file begins with the names of its columns.
func (s Settings) CSVHeader() bool { return s.User(SettingCSVHeader) != "false" }

// CodecLevel is the level of the compression inside of the file, 0 for its default.
func (s Settings) CodecLevel() (int, error) { return level("codec level", s.User(SettingCodecLevel)) }

func level(what, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s %q: %w", what, text, err)
	}
	return n, nil
}
