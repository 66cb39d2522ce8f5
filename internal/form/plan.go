package form

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/source"
)

// Apply returns the options with the decoder and the writer of the form, and its settings for the plans.
func (f Form) Apply(o Options, hooks Hooks) Options {
	o.Suffix = string(f.Format)
	d := newDecoder(f)
	d.watch = hooks.Watch
	o.MessageDecoder = d.decode
	o.WriterFactory = f.writers(hooks)
	o.DecoderVersion = cutlog.CommandVersion
	settings := f.settings()
	for name, v := range o.Settings {
		if _, ours := settings[name]; !ours {
			settings[name] = v
		}
	}
	o.Settings = settings
	return o
}

// ForPlan returns the options under which a cut was planned, perhaps at an earlier start with other flags.
func ForPlan(o Options, planned cutlog.Settings, hooks Hooks) (Options, error) {
	if !planned.Command() {
		return o, fmt.Errorf("decoder version %q planned it, this is %q: start once with the jetcapture that planned it",
			planned[cutlog.SettingDecoderVersion], cutlog.CommandVersion)
	}
	f, err := ofPlan(planned)
	if err != nil {
		return o, err
	}
	o.Compression = jetcapture.Compression(planned.Compression())
	if o.CompressionLevel, err = planned.CompressionLevel(); err != nil {
		return o, err
	}
	return f.Apply(o, hooks), nil
}

// ofPlan reads the form back from a plan's settings.
func ofPlan(planned cutlog.Settings) (f Form, err error) {
	get := planned.User
	f = Form{
		Format: Format(get(cutlog.SettingFormat)), Record: Record(get(cutlog.SettingRecord)),
		Payload:  Payload(get(cutlog.SettingPayload)),
		Mismatch: cmp.Or(Mismatch(get(cutlog.SettingMismatch)), DeadLetter),
		CSVNull:  get(cutlog.SettingCSVNull), CSVNoHeader: !planned.CSVHeader(),
		CSVEscape: get(cutlog.SettingCSVFormulas) == cutlog.FormulasEscaped,
		Codec:     jetcapture.Compression(get(cutlog.SettingCodec)),
	}
	f.Micros = f.hasTimes() && get(cutlog.SettingTimes) != cutlog.TimesNanos
	f.NoFieldIDs = f.Format == Parquet && get(cutlog.SettingFieldIDs) != cutlog.FieldIDsByName
	if !slices.Contains(Formats(), f.Format) {
		return f, fmt.Errorf("format %q is not known to this jetcapture", f.Format)
	}
	if f.Record != "" && !slices.Contains(Records(), f.Record) {
		return f, fmt.Errorf("record %q is not known to this jetcapture", f.Record)
	}
	if f.Level, err = planned.CodecLevel(); err != nil {
		return f, err
	}
	if f.Columns, err = parseList(get(cutlog.SettingColumns), column.Parse); err != nil {
		return f, fmt.Errorf("columns: %w", err)
	}
	if f.Keys, err = parseList(get(cutlog.SettingKeys), source.ParseNamed); err != nil {
		return f, fmt.Errorf("keys: %w", err)
	}
	if f.Format.Packed() {
		_, err = f.packedFactory(Hooks{})
	}
	return f, err
}

// settings are what shapes the bytes of the files, by the names of package cutlog.
func (f Form) settings() map[string]string {
	s := map[string]string{
		cutlog.SettingFormat: string(f.Format), cutlog.SettingRecord: string(f.Record),
		cutlog.SettingColumns: formatList(f.Columns), cutlog.SettingKeys: formatList(f.Keys),
	}
	if f.IsTable() {
		s[cutlog.SettingMismatch] = string(f.Mismatch)
	}
	if f.Format == CSV {
		s[cutlog.SettingCSVNull], s[cutlog.SettingCSVHeader] = f.CSVNull, strconv.FormatBool(!f.CSVNoHeader)
	}
	if f.Format == CSV && f.CSVEscape {
		s[cutlog.SettingCSVFormulas] = cutlog.FormulasEscaped
	}
	if f.Format.Packed() {
		s[cutlog.SettingCodec], s[cutlog.SettingCodecLevel] = string(f.Codec), strconv.Itoa(f.Level)
		s[cutlog.SettingPayload] = string(f.Payload)
	}
	if f.hasTimes() && !f.Micros {
		s[cutlog.SettingTimes] = cutlog.TimesNanos
	}
	if f.Format == Parquet && !f.NoFieldIDs {
		s[cutlog.SettingFieldIDs] = cutlog.FieldIDsByName
	}
	return s
}

// formatList makes one text of sources or columns; parseList reads it.
func formatList[T fmt.Stringer](all []T) string {
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

func parseList[T any](s string, parse func(string) (T, error)) (all []T, err error) {
	if s == "" {
		return nil, nil
	}
	var expressions []string
	if err := json.Unmarshal([]byte(s), &expressions); err != nil {
		return nil, fmt.Errorf("%q is not a list: %w", s, err)
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
