package cutlog

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Text is a string from a message, so it may hold any bytes. In JSON it is a string if it is valid UTF-8, otherwise
// {"base64":"..."} (RFC 4648 section 4, padded). encoding/json alone would replace invalid bytes, and two keys could
// become one.
type Text string

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(rawText{Base64: []byte(t)})
}

// UnmarshalJSON implements json.Unmarshaler. It refuses base64 of valid UTF-8, so that a text has only one form.
func (t *Text) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(t))
	}
	var raw rawText
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&raw); err != nil {
		return fmt.Errorf("read a text: %w", err)
	}
	if utf8.Valid(raw.Base64) {
		return errors.New("read a text: base64 of valid UTF-8, expected a string")
	}
	*t = Text(raw.Base64)
	return nil
}

// rawText is the form in JSON of a text that is not valid UTF-8.
type rawText struct {
	Base64 base64Bytes `json:"base64"`
}

// base64Bytes is a []byte that refuses line breaks and loose trailing bits in base64, which encoding/json accepts.
type base64Bytes []byte

func (b base64Bytes) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

func (b *base64Bytes) UnmarshalText(text []byte) error {
	if bytes.ContainsAny(text, "\r\n") {
		return errors.New("line break in base64")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(string(text))
	*b = raw
	return err
}
