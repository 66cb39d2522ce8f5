package source_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/jetcapture/jetcapture/internal/source"
)

// plain reports whether path consists of member names and indexes only.
func plain(path string) bool {
	return path != "@this" && !strings.ContainsAny(path, `\#`)
}

// walk finds a plain path in valid JSON with encoding/json's decoder, or returns nil; the first of two members of one
// name counts.
func walk(data []byte, path []string) json.RawMessage {
	if len(path) == 0 {
		return bytes.TrimSpace(data)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	open, _ := dec.Token()
	for i := 0; open == json.Delim('{') || open == json.Delim('['); i++ {
		if !dec.More() {
			return nil
		}
		name := strconv.Itoa(i)
		if open == json.Delim('{') {
			token, _ := dec.Token()
			name, _ = token.(string)
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil
		}
		if name == path[0] || open == json.Delim('[') && name == strings.TrimLeft(path[0], "0") {
			return walk(value, path[1:])
		}
	}
	return nil
}

// equal compares a value with the JSON text that walk found.
func equal(v source.Value, raw json.RawMessage) bool {
	switch {
	case raw == nil:
		return v.Kind == source.Missing
	case string(raw) == "null":
		return v.Kind == source.Null
	case raw[0] == '"':
		var s string
		// encoding/json replaces each byte of invalid UTF-8, as does the conversion to runes; we keep it.
		return json.Unmarshal(raw, &s) == nil && v.Kind == source.String && string([]rune(v.Text)) == s
	case raw[0] == '{' || raw[0] == '[':
		return v.Kind == source.JSON && v.Text == string(raw)
	default:
		return (v.Kind == source.Number || v.Kind == source.Bool) && v.Text == string(raw)
	}
}
